// A chart with its controls, and the chart of all runs of a stage.

// More lines cannot be told apart, and slow the page.
const MOST_LINES = 200;
// As many as the style sheet has.
const TONES = 8;

/** A chart with its controls. `lines` gives the lines of a metric; `first` are further controls. */
function curvePanel(label, metrics, lines, first = []) {
  const chart = new Chart(label);
  const metric = choice(
    "Metric",
    metrics.map((name) => [name, metricTitle(name)]),
    () => refresh(),
  );
  const weight = element("output", {}, "0");
  const slider = element("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: 0 });
  slider.addEventListener("input", () => {
    weight.textContent = slider.value;
    chart.set({ smoothing: Number(slider.value) });
  });
  const log = tick("Logarithmic", (on) => chart.set({ log: on }));
  const smoothing = element(
    "label",
    { title: "Weight of the exponential moving average of the drawn points" },
    "Smoothing",
    slider,
    weight,
  );
  const refresh = () => chart.set({ title: metricTitle(metric.select.value), lines: lines(metric.select.value) });
  refresh();
  return { refresh, parts: [element("div", { class: "controls" }, first, metric.label, log, smoothing), chart.host] };
}

function curveNames(some) {
  const known = report.curve_metrics.map((metric) => metric.name);
  const names = keysOf(some.map((run) => run.curves));
  return [...known.filter((name) => names.includes(name)), ...names.filter((name) => !known.includes(name))];
}

function hasCurve(run, metric) {
  return (run.curves?.[metric]?.length ?? 0) > 0;
}

/** The style of the n-th of several groups: colours first, then dashes. */
function style(n) {
  return { tone: n % TONES, dash: ["", "dashed", "dotted"][Math.floor(n / TONES) % 3] };
}

/** A short piece of a line, for a legend. */
function sample({ tone, dash }) {
  return drawn(
    "svg",
    { viewBox: "0 0 28 10", "aria-hidden": "true" },
    drawn("line", { class: `s${tone} ${dash}`, x1: 0, x2: 28, y1: 5, y2: 5 }),
  );
}

class Overlay {
  constructor() {
    this.hidden = new Set();
    this.withCurves = runs.filter((run) => curveNames([run]).length > 0);
    this.stages = [...new Set(this.withCurves.map((run) => run.stage))];
    this.note = element("p", { class: "note", role: "status" });
    this.legend = element("ul", { class: "legend", "aria-label": "Groups" });
    this.body = element("div");
    this.stage = choice(
      "Stage",
      this.stages.map((stage) => [stage, stage]),
      () => this.build(),
    );
    this.axis = choice(
      "Colour",
      [...report.axes, "seed"].map((axis) => [axis, axis]),
      () => {
        this.hidden.clear();
        this.refresh();
      },
    );
    this.filtered = false;
    this.onlyListed = tick("Only runs that the list below shows", (on) => {
      this.filtered = on;
      this.refresh();
    });
    this.build();
  }

  build() {
    const some = this.withCurves.filter((run) => run.stage === this.stage.select.value);
    const first = [this.stages.length > 1 ? this.stage.label : null, this.axis.label];
    this.panel = curvePanel("Curves of all runs", curveNames(some), (metric) => this.lines(some, metric), first);
    this.body.replaceChildren(...this.panel.parts);
  }

  refresh() {
    this.panel.refresh();
  }

  group(run) {
    const axis = this.axis.select.value;
    return axis === "seed" ? run.seed : run.axes?.[axis];
  }

  lines(some, metric) {
    const all = some.filter((run) => hasCurve(run, metric));
    // Over all runs of the report, so that a group keeps its colour.
    const groups = distinct(runs.map((run) => this.group(run))).map(text);
    const present = new Set(all.map((run) => text(this.group(run))));
    const wanted = all.filter((run) => (!this.filtered || listed.has(run)) && !this.hidden.has(text(this.group(run))));
    const count = Math.min(MOST_LINES, wanted.length);
    const few = Array.from({ length: count }, (_, at) => wanted[Math.floor((at * wanted.length) / count)]);
    const thinned = `Draws ${count} of ${wanted.length} runs, evenly chosen. Narrow the list below, or hide groups, to see the others.`;
    const said = wanted.length > count ? thinned : `${count} ${count === 1 ? "run" : "runs"}.`;
    this.note.textContent = `${said} A click on a line, or Enter, opens its run.`;
    const entries = groups.map((name, n) => (present.has(name) ? this.entry(name, style(n)) : null));
    this.legend.replaceChildren(...entries.filter((entry) => entry !== null));
    return few.map((run) => ({
      name: run.name,
      points: run.curves[metric],
      open: () => go(placeOf(run.id)),
      ...style(groups.indexOf(text(this.group(run)))),
    }));
  }

  entry(name, look) {
    const toggle = () => {
      if (!this.hidden.delete(name)) this.hidden.add(name);
      this.refresh();
      [...this.legend.querySelectorAll("button")].find((button) => button.dataset.group === name)?.focus();
    };
    const attributes = {
      type: "button",
      class: "plain",
      "data-group": name,
      "aria-pressed": String(!this.hidden.has(name)),
      onclick: toggle,
    };
    return element("li", {}, element("button", attributes, sample(look), name));
  }
}
