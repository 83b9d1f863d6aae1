// The elements of the page, and its dialog.

/** A new element; attributes that are false or missing are left out, those that begin with `on` are listeners. */
function element(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

function drawn(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function furnish(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

function choice(title, options, change) {
  const select = element(
    "select",
    {},
    options.map(([value, caption]) => element("option", { value }, caption)),
  );
  select.addEventListener("change", () => change(select.value));
  return { select, label: element("label", {}, title, select) };
}

function tick(title, change) {
  const box = element("input", { type: "checkbox" });
  box.addEventListener("change", () => change(box.checked));
  return element("label", {}, box, title);
}

function section(title, ...children) {
  return element("section", {}, element("h3", {}, title), ...children);
}

/** The attributes of a part that scrolls by itself, for which the keyboard must be able to reach it. */
function region(label) {
  return { role: "region", tabindex: "0", "aria-label": label };
}

// Where the page is: the part of the address after #, so that a link or the browser's Back leads there.

const dialog = document.getElementById("detail");

function placeOf(id) {
  return `#run=${short(id)}`;
}

function go(place) {
  if (location.hash !== place) history.pushState(null, "", place || location.href.split("#")[0]);
  follow();
}

function find(prefix) {
  return byId.get(prefix) ?? (prefix ? runs.find((run) => run.id.startsWith(prefix)) : undefined);
}

function follow() {
  const [, kind, rest] = /^#(run|compare)=(.*)$/.exec(location.hash.replace(/%2c/gi, ",")) ?? [];
  const wanted = (rest ?? "").split(",").map(find);
  if (kind === "run" && wanted[0]) show(runDetail(wanted[0]));
  else if (kind === "compare" && wanted[0] && wanted[1]) show(comparison(wanted[0], wanted[1]));
  else if (dialog.open) dialog.close();
}

function show({ title, under, body }) {
  const close = element("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const heading = element("h2", { id: "detail-title", tabindex: "-1" }, title);
  dialog.replaceChildren(element("header", {}, element("div", {}, heading, under), close), element("div", {}, body));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  heading.focus();
}

dialog.addEventListener("close", () => {
  // The event comes late: another run may be open by then.
  if (dialog.open) return;
  if (/^#(run|compare)=/.test(location.hash)) go("");
  dialog.replaceChildren();
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
window.addEventListener("popstate", follow);

function link(run, name = run.name) {
  const target = placeOf(run.id);
  const open = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(target);
  };
  return element("a", { href: target, onclick: open }, name);
}
