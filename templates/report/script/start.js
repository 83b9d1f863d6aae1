// What the page does as it opens. It comes last, for it uses what all other files define.

/** Makes the cells of the tables lead to the runs that they are made from. */
function linkCells(list) {
  for (const cell of document.querySelectorAll("td[data-runs]")) {
    const ids = cell.dataset.runs
      .split(" ")
      .map((id) => find(id)?.id)
      .filter(Boolean);
    if (ids.length === 0 || !cell.textContent.trim()) continue;
    const open = () => (ids.length === 1 ? go(placeOf(ids[0])) : list.only(ids));
    const what = ids.length === 1 ? "Open its run" : `List its ${ids.length} runs`;
    const button = element("button", { type: "button", class: "plain figure", title: what, onclick: open });
    button.append(...cell.childNodes);
    cell.append(button);
  }
}

function watchTheme() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => (button.textContent = isDark() ? "Light theme" : "Dark theme");
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
    try {
      localStorage.setItem("vicmae-theme", root.dataset.theme);
    } catch {
      // A browser may keep no settings for files; the theme then lasts as long as the page.
    }
  });
  system.addEventListener("change", name);
  name();
  button.hidden = false;
}

function build() {
  watchTheme();
  const overlay = runs.some((run) => curveNames([run]).length > 0) ? new Overlay() : null;
  const list = new RunList(overlay);
  const curves = document.getElementById("curves");
  if (overlay)
    curves.append(
      overlay.body,
      overlay.legend,
      element("div", { class: "controls below" }, overlay.note, overlay.onlyListed),
    );
  else curves.append(element("p", {}, "No run has curves."));
  document.getElementById("runs").append(...list.parts());
  linkCells(list);
  follow();
}

build();
