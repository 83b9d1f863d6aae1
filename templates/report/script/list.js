// The list of runs.

const listed = new Set(runs);

function metricColumn({ name, title, better }) {
  const of = (run) => run.values?.[name];
  const digits = decimals(runs.map(of));
  const arrow = { higher: "↑", lower: "↓" }[better];
  return { title, key: name, of, better, arrow, show: (run) => figure(of(run), digits), number: true };
}

function columns() {
  const plain = (title, key, of) => ({
    title,
    key,
    of,
    show: (run) => text(of(run)),
    number: runs.every((run) => isMissing(of(run)) || typeof of(run) === "number"),
  });
  return [
    { ...plain("Run", "name", (run) => run.name), show: (run) => link(run) },
    plain("Stage", "stage", (run) => run.stage),
    { ...plain("State", "state", (run) => run.state), show: (run) => state(run) },
    ...report.axes.map((axis) => plain(axis, axis, (run) => run.axes?.[axis])),
    plain("Seed", "seed", (run) => run.seed),
    ...report.metrics.map(metricColumn),
    { ...plain("Id", "id", (run) => run.id), show: (run) => element("span", { class: "mono" }, short(run.id)) },
  ];
}

class RunList {
  constructor(overlay) {
    this.overlay = overlay;
    this.chosen = new Set();
    this.columns = columns();
    this.order = [...runs];
    this.rows = new Map(runs.map((run) => [run, this.row(run)]));
    this.body = element("tbody", {}, [...this.rows.values()]);
    this.heads = this.columns.map((column, at) => this.head(column, at));
    this.count = element("span", { class: "note", role: "status", id: "run-count" });
    this.search = element("input", {
      type: "search",
      id: "run-filter",
      "aria-describedby": "filter-help",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.search.addEventListener("input", () => this.filter());
    const stages = [...new Set(runs.map((run) => run.stage))];
    this.stage = choice("Stage", [["", "all"], ...stages.map((stage) => [stage, stage])], () => this.filter());
    this.stage.select.id = "run-stage";
    this.compare = element(
      "button",
      { type: "button", id: "compare", onclick: () => go(`#compare=${[...this.chosen].map(short).join(",")}`) },
      "Compare",
    );
    this.clear = element("button", { type: "button", onclick: () => this.unchoose() }, "Clear");
    this.said = element("span", { class: "note", role: "status" });
    this.filter();
    this.choose();
  }

  parts() {
    const example = report.metrics[0] ? `${report.metrics[0].name}>30` : "seed>0";
    const help = `Words, and terms such as state=failed, seed!=0 or ${example}; names are columns, facts and keys of the configuration. All must hold.`;
    return [
      element(
        "div",
        { class: "controls" },
        element("label", { class: "wide" }, "Filter", this.search),
        this.stage.label,
        this.count,
      ),
      element("p", { class: "note", id: "filter-help" }, help),
      element(
        "div",
        { class: "list", ...region("List of runs") },
        element(
          "table",
          { id: "run-table" },
          element("caption", { class: "unseen" }, "Runs. The buttons in the head sort."),
          element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "left" }, "Compare"), this.heads)),
          this.body,
        ),
      ),
      element("div", { class: "controls below" }, this.compare, this.clear, this.said),
    ];
  }

  head(column, at) {
    const arrow = column.arrow
      ? [
          element("span", { "aria-hidden": "true" }, ` ${column.arrow}`),
          element("span", { class: "unseen" }, `, ${column.better} is better`),
        ]
      : [];
    const button = element("button", { type: "button", class: "plain", onclick: () => this.sort(at) }, column.title, arrow);
    return element(
      "th",
      { scope: "col", "aria-sort": "none", class: column.number ? null : "left", "data-column": column.key },
      button,
    );
  }

  row(run) {
    const box = element("input", { type: "checkbox", "aria-label": `Compare ${run.name}` });
    box.addEventListener("change", () => this.choose(run.id, box.checked));
    const cells = this.columns.map((column, at) => {
      const className = [column.number ? "" : "left", isMissing(column.of(run)) ? "missing" : ""].join(" ").trim() || null;
      return element(at === 0 ? "th" : "td", { scope: at === 0 ? "row" : null, class: className }, column.show(run));
    });
    return element("tr", { "data-id": run.id }, element("td", { class: "left" }, box), cells);
  }

  /** Sorts by a column: first the natural way, then the other. What is missing comes last both ways. */
  sort(at) {
    const { of, better } = this.columns[at];
    const now = this.heads[at].getAttribute("aria-sort");
    const [first, second] = better === "higher" ? ["descending", "ascending"] : ["ascending", "descending"];
    const direction = now === first ? second : first;
    this.heads.forEach((head, n) => head.setAttribute("aria-sort", n === at ? direction : "none"));
    const sign = direction === "ascending" ? 1 : -1;
    this.order.sort((a, b) => {
      const [one, other] = [of(a), of(b)];
      if (isMissing(one) || isMissing(other)) return Number(isMissing(one)) - Number(isMissing(other));
      return sign * ascending(one, other);
    });
    this.body.replaceChildren(...this.order.map((run) => this.rows.get(run)));
  }

  filter() {
    const { holds, unknown } = parse(this.search.value);
    const stage = this.stage.select.value;
    listed.clear();
    for (const [run, row] of this.rows) {
      row.hidden = !((stage === "" || run.stage === stage) && holds(run));
      if (!row.hidden) listed.add(run);
    }
    const puzzled = unknown.length ? `; nothing is called ${unknown.join(", ")}` : "";
    this.count.textContent = `${listed.size} of ${runs.length} runs${puzzled}`;
    if (this.overlay?.filtered) this.overlay.refresh();
  }

  choose(id, on) {
    if (on) this.chosen.add(id);
    else this.chosen.delete(id);
    this.compare.disabled = this.chosen.size !== 2;
    this.clear.disabled = this.chosen.size === 0;
    const hint = ["Tick two runs to compare them.", "One run is ticked; tick another.", "Two runs are ticked."];
    this.said.textContent = hint[this.chosen.size] ?? `${this.chosen.size} runs are ticked; two can be compared.`;
  }

  unchoose() {
    this.chosen.clear();
    for (const row of this.rows.values()) row.querySelector("input").checked = false;
    this.choose();
  }

  /** Shows only some runs, by their ids. */
  only(ids) {
    this.stage.select.value = "";
    this.search.value = `id=${ids.map(short).join("|")}`;
    this.filter();
    this.search.scrollIntoView({ block: "center" });
    this.search.focus();
  }
}
