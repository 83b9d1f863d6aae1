// The dialog of two runs beside each other.

function pairTable(heads, rows, kind) {
  const cell = (value, at) => (at === 0 ? element("th", { scope: "row" }, value) : element("td", {}, value));
  return element(
    "div",
    { class: "scroll pair" },
    element(
      "table",
      { class: kind },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          heads.map((head, at) => element("th", { scope: "col", class: at === 0 ? "left" : null }, head)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((row) => element("tr", { "data-key": row[0] }, row.map(cell))),
      ),
    ),
  );
}

function differences(pairs) {
  return pairs.filter(([, one, other]) => text(one) !== text(other));
}

function differingKeys(a, b) {
  const [one, other] = [configuration(a), configuration(b)];
  const keys = [...new Set([...one.keys(), ...other.keys()])].sort(collator.compare);
  return differences(keys.map((key) => [key, one.get(key), other.get(key)])).map(([key, ...both]) => [
    key,
    ...both.map(text),
  ]);
}

function differingFacts(a, b) {
  const names = keysOf([a.facts, b.facts]);
  const known = names.map((name) => [
    FACT_NAMES[name] ?? name,
    factText(name, a.facts?.[name]),
    factText(name, b.facts?.[name]),
  ]);
  const about = ["stage", "state", "seed"].map((name) => [
    name[0].toUpperCase() + name.slice(1),
    text(a[name]),
    text(b[name]),
  ]);
  return differences([...about, ...known]);
}

function finalValues(a, b) {
  const names = keysOf([a.values, b.values]);
  return names.map((name) => {
    const [one, other] = [a.values?.[name], b.values?.[name]];
    const both = Number.isFinite(one) && Number.isFinite(other);
    const digits = decimals([one, other]);
    const change = both ? `${other >= one ? "+" : "−"}${figure(Math.abs(other - one), digits)}` : MISSING;
    return [metricTitle(name), figure(one, digits), figure(other, digits), change];
  });
}

function comparison(a, b) {
  const heads = [a, b].map((run) => (a.name === b.name ? `${run.name} (${run.stage}, ${short(run.id)})` : run.name));
  const metrics = curveNames([a, b]);
  const looks = [
    { tone: 0, dash: "" },
    { tone: 1, dash: "dashed" },
  ];
  const lines = (metric) =>
    [a, b]
      .map((run, n) => ({ name: heads[n], points: run.curves?.[metric] ?? [], ...looks[n] }))
      .filter((line) => line.points.length);
  const [keys, known, final] = [differingKeys(a, b), differingFacts(a, b), finalValues(a, b)];
  const key = element(
    "ul",
    { class: "legend" },
    heads.map((name, n) => element("li", {}, sample(looks[n]), name)),
  );
  const none = (what) => element("p", {}, what);
  const body = [
    section(
      "Final values",
      final.length ? pairTable(["Metric", ...heads, "Difference"], final, "numbers") : none("Neither has final values."),
    ),
    section(
      "Configuration",
      keys.length ? pairTable(["Key", ...heads], keys, "words") : none("The configurations are the same."),
    ),
    section("Facts", known.length ? pairTable(["Fact", ...heads], known, "words") : none("All facts are the same.")),
    metrics.length ? section("Curves", curvePanel(`Curves of ${heads.join(" and ")}`, metrics, lines).parts, key) : null,
  ];
  const under = element("p", { class: "identity" }, link(a), " and ", link(b));
  return { title: "Two runs compared", under, body };
}
