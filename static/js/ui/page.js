// What every page does: theme switch, menus that close, the plant's clock.
import { startClock } from "./clock.js";
import { startMenus } from "./menu.js";
import { startTheme } from "./theme.js";

startTheme();
startMenus();
startClock();
