// The dialog of one run.

function facts(pairs) {
  return element(
    "dl",
    { class: "facts" },
    pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

function related(ids) {
  return ids.flatMap((id, at) => {
    const run = byId.get(id);
    return [
      at > 0 ? ", " : null,
      run ? link(run, `${run.name} (${run.stage})`) : element("span", { class: "mono" }, short(id)),
    ];
  });
}

function state(run) {
  return element("span", { class: run.state }, run.state);
}

const FACT_NAMES = {
  device: "Device",
  host: "Host",
  commit: "Commit",
  version: "vicmae",
  data: "Data",
  seconds: "Time",
  attempts: "Attempts",
};

function factText(name, value) {
  return name === "seconds" ? duration(value) : text(value);
}

function runFacts(run) {
  const children = runs.filter((other) => other.parents?.includes(run.id)).map((other) => other.id);
  const known = Object.keys(run.facts ?? {}).filter((name) => name !== "error" && !isMissing(run.facts[name]));
  return facts([
    ["State", state(run)],
    ["Stage", run.stage],
    ...report.axes.filter((axis) => !isMissing(run.axes?.[axis])).map((axis) => [axis, text(run.axes[axis])]),
    ["Seed", text(run.seed)],
    ...(run.parents?.length ? [["Made from", related(run.parents)]] : []),
    ...(children.length ? [["Leads to", related(children)]] : []),
    ...known.map((name) => [FACT_NAMES[name] ?? name, factText(name, run.facts[name])]),
  ]);
}

function copyButton(id) {
  const said = element("span", { role: "status", class: "note" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(id);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "The browser does not allow it: select the id and copy it.";
    }
  };
  return [element("button", { type: "button", onclick: copy }, "Copy id"), said];
}

function valueTable(run) {
  const names = Object.keys(run.values ?? {});
  const rows = names.map((name) =>
    element("tr", {}, element("th", { scope: "row" }, metricTitle(name)), element("td", {}, rounded(run.values[name]))),
  );
  return element("div", { class: "scroll" }, element("table", { class: "values" }, element("tbody", {}, rows)));
}

function configurationList(run) {
  const own = new Set(Object.keys(run.config ?? {}));
  const rows = [...configuration(run)].map(([key, value]) =>
    element(
      "tr",
      { class: own.has(key) ? "own" : null, "data-key": key },
      element("th", { scope: "row", class: "mono" }, key),
      element(
        "td",
        { class: "mono left" },
        text(value),
        own.has(key) ? element("span", { class: "unseen" }, " (its own)") : null,
      ),
    ),
  );
  const count = element("span", { role: "status", class: "note" });
  const search = element("input", { type: "search", placeholder: "e.g. optimizer" });
  let onlyOwn = false;
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows)
      row.hidden = !row.textContent.toLowerCase().includes(wanted) || (onlyOwn && !row.classList.contains("own"));
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} keys`;
  };
  search.addEventListener("input", filter);
  filter();
  const ownTick = tick("Only its own (*)", (on) => {
    onlyOwn = on;
    filter();
  });
  const without = run.without?.length
    ? element("p", { class: "note" }, `Other runs of this stage also have: ${run.without.join(", ")}.`)
    : null;
  const label = element("label", { class: "wide" }, "Filter", search);
  return [
    element("div", { class: "controls" }, label, ownTick, count),
    element(
      "div",
      { class: "configuration pair", ...region("Configuration") },
      element("table", {}, element("tbody", {}, rows)),
    ),
    element("p", { class: "note" }, "* Its own: most runs of this stage have another value, or none."),
    without,
  ];
}

function pictures(run) {
  const shown = (run.pictures ?? []).filter((picture) => picture.src.startsWith("data:image/"));
  return shown.map(({ name, src }) =>
    element("figure", {}, element("img", { src, alt: `${name} of ${run.name}` }), element("figcaption", {}, name)),
  );
}

function runDetail(run) {
  const metrics = curveNames([run]);
  const lines = (metric) => [{ name: run.name, points: run.curves[metric], tone: 0 }];
  const images = pictures(run);
  const body = [
    runFacts(run),
    run.facts?.error ? element("pre", { class: "error", ...region("Error") }, run.facts.error) : null,
    Object.keys(run.values ?? {}).length ? section("Final values", valueTable(run)) : null,
    metrics.length ? section("Curves", curvePanel(`Curves of ${run.name}`, metrics, lines).parts) : null,
    section("Configuration", configurationList(run)),
    images.length ? section("Pictures", element("div", { class: "pictures" }, images)) : null,
    run.log ? section("End of the log", element("pre", region("End of the log"), run.log)) : null,
  ];
  const under = element("p", { class: "identity" }, element("span", { class: "mono" }, run.id), copyButton(run.id));
  return { title: run.name, under, body };
}
