// What every page does: theme switch, menus that close, navigation, the plant's clock.
import { startClock } from "./clock.js";
import { startMenus } from "./menu.js";
import { startNavigation } from "./nav.js";
import { startTheme } from "./theme.js";

startTheme();
startMenus();
startNavigation();
startClock();
