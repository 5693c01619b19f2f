// What pages with live values do besides live.js: range bars that move, summaries that do not lie, a filter for long lists of tags.
import { startFilter } from "./filter.js";
import { startHealth } from "./health.js";
import { startRanges } from "./range.js";
import { onLink } from "./values.js";

onLink((state) => (document.documentElement.dataset.link = state));
startFilter();
startHealth();
startRanges();
