// What pages with live values do besides live.js: range bars that move, lines that go on, summaries that do not lie.
import { startHealth } from "./health.js";
import { startRanges } from "./range.js";
import { startSparks } from "./spark.js";
import { onLink } from "./values.js";

onLink((state) => (document.documentElement.dataset.link = state));
startHealth();
startRanges();
startSparks();
