// The report, and its values as text.

const report = JSON.parse(document.getElementById("data").textContent);
const runs = report.runs;
const byId = new Map(runs.map((run) => [run.id, run]));
const MISSING = "–";
const NOT_A_NUMBER = "NaN";
const collator = new Intl.Collator("en", { numeric: true });

function text(value) {
  if (value === undefined || value === null) return MISSING;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function short(id) {
  return id.slice(0, 12);
}

/** A number with so many decimals that the largest of its kind has four digits. */
function decimals(values) {
  const largest = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
  if (largest === 0 || values.every((value) => !Number.isFinite(value) || Number.isInteger(value))) return 0;
  return Math.min(8, Math.max(0, 3 - Math.floor(Math.log10(largest))));
}

function figure(value, digits) {
  if (value === undefined) return MISSING;
  if (value === null) return NOT_A_NUMBER;
  if (typeof value !== "number") return text(value);
  const small = value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits;
  const large = Math.abs(value) >= 1e9;
  return small || large ? value.toExponential(2) : value.toFixed(digits);
}

/** A number to five digits. */
function rounded(value) {
  if (value === null || value === undefined) return NOT_A_NUMBER;
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e9) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
}

function duration(seconds) {
  if (typeof seconds !== "number") return MISSING;
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function ascending(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  return typeof b === "number" ? 1 : collator.compare(text(a), text(b));
}

function isMissing(value) {
  return value === undefined || value === null;
}

const configurations = new Map();

/** The full configuration of a run: what most runs of its stage share, and what is its own. */
function configuration(run) {
  if (!configurations.has(run.id)) {
    const full = new Map(Object.entries(report.base[run.stage] ?? {}));
    (run.without ?? []).forEach((key) => full.delete(key));
    Object.entries(run.config ?? {}).forEach(([key, value]) => full.set(key, value));
    configurations.set(run.id, new Map([...full].sort(([a], [b]) => collator.compare(a, b))));
  }
  return configurations.get(run.id);
}

function metricTitle(name) {
  const known = [...report.metrics, ...report.curve_metrics].find((metric) => metric.name === name);
  return known ? known.title : name;
}

/** Different values: numbers by size, all else as it comes, which is the order of the figures too. */
function distinct(values) {
  const different = [...new Map(values.map((value) => [text(value), value])).values()];
  return different.every((value) => typeof value === "number") ? different.sort(ascending) : different;
}

/** The keys of several objects, each once; an object may be missing. */
function keysOf(objects) {
  return [...new Set(objects.flatMap((object) => Object.keys(object ?? {})))];
}
