// Where the browser finds uPlot (STATICFILES_DIRS in hmi/settings.py), for the type check of static/js in `make lint`.
declare module "*/uplot/uPlot.esm.js" {
  import uPlot from "uplot";
  export default uPlot;
}
