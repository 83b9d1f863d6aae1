// A chart of lines.

// A click opens the run of a line that is not farther than this, in pixels.
const NEAR = 20;

/** Lines over steps that a pointer and the arrow keys read. A line is { name, tone, dash, points, open }. */
class Chart {
  constructor(label) {
    this.label = label;
    this.canvas = element("div", { tabindex: "0", role: "application", "aria-roledescription": "chart" });
    this.tip = element("div", { class: "tip", role: "status" });
    this.host = element("div", { class: "chart" }, this.canvas, this.tip);
    this.settings = { title: "", lines: [], log: false, smoothing: 0 };
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.mark());
    this.canvas.addEventListener("click", (event) => {
      // A tap reads; only a mouse that is at a line opens its run.
      if (event.pointerType !== "touch" && this.current?.far < NEAR) this.open();
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.mark());
    new ResizeObserver(() => this.host.clientWidth !== this.width && this.draw()).observe(this.host);
  }

  set(settings) {
    Object.assign(this.settings, settings);
    this.draw();
  }

  draw() {
    const { title, lines, log, smoothing } = this.settings;
    [this.width, this.height] = [this.host.clientWidth, this.host.clientHeight];
    this.shown = log ? (value) => value !== null && value > 0 : (value) => value !== null;
    this.lines = lines
      .map((line) => ({ ...line, raw: line.points, points: smooth(line.points, smoothing) }))
      .filter((line) => line.points.some(([, value]) => this.shown(value)));
    this.mark();
    this.canvas.setAttribute("aria-label", `${this.label}: ${title}. ${this.lines.length} lines. Arrow keys read them.`);
    if (this.width === 0) return;
    if (this.lines.length === 0) {
      const why = log && lines.length > 0 ? "No value above zero, so none has a logarithm." : "No values.";
      this.canvas.replaceChildren(element("p", { class: "empty" }, why));
      return;
    }
    this.place();
    this.dot = drawn("circle", { class: "mark", r: 5, visibility: "hidden" });
    this.canvas.replaceChildren(
      drawn(
        "svg",
        { width: this.width, height: this.height, "aria-hidden": "true" },
        this.axes(),
        this.strokes(),
        this.dot,
      ),
    );
  }

  place() {
    const { log } = this.settings;
    const steps = this.lines.flatMap((line) => [line.points[0][0], line.points.at(-1)[0]]);
    const values = this.lines.flatMap((line) => [...line.points, ...line.raw].map(([, value]) => value).filter(this.shown));
    const [from, to] = [Math.min(...steps), Math.max(...steps)];
    this.across = from === to ? [from - 1, to + 1] : [from, to];
    this.upwards = domain(values, log);
    const rows = this.height / 55;
    this.rows = log ? logTicks(...this.upwards, rows) : linearTicks(...this.upwards, rows);
    this.left = 18 + 7 * Math.max(...this.rows.map((value) => tickText(value).length));
    [this.right, this.bottom] = [this.width - 16, this.height - 44];
    this.x = scale(this.across, [this.left, this.right], false);
    this.y = scale(this.upwards, [this.bottom, 10], log);
  }

  axes() {
    const { left, right, bottom } = this;
    const rows = this.rows.map((value) => [
      drawn("line", { class: "grid", x1: left, x2: right, y1: this.y(value), y2: this.y(value) }),
      drawn("text", { x: left - 8, y: this.y(value) + 4, "text-anchor": "end" }, tickText(value)),
    ]);
    const ticks = linearTicks(...this.across, this.width / 110).map((value) => [
      drawn("line", { class: "axis", x1: this.x(value), x2: this.x(value), y1: bottom, y2: bottom + 5 }),
      drawn("text", { x: this.x(value), y: bottom + 19, "text-anchor": "middle" }, tickText(value)),
    ]);
    return drawn("g", {}, rows.flat(), ticks.flat(), [
      drawn("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
      drawn("text", { x: (left + right) / 2, y: this.height - 4, "text-anchor": "middle" }, "step"),
    ]);
  }

  strokes() {
    const trace = (line, points, kind) =>
      drawn("path", {
        class: `line ${kind} s${line.tone} ${line.dash ?? ""}`,
        d: path(points, this.x, this.y, this.shown),
        "stroke-linecap": "round",
      });
    const faint = this.settings.smoothing > 0 ? this.lines.map((line) => trace(line, line.raw, "raw")) : [];
    for (const line of this.lines) line.stroke = trace(line, line.points, "smooth");
    const many = this.lines.length > 12 ? "many" : "few";
    return drawn(
      "g",
      { class: many },
      faint,
      this.lines.map((line) => line.stroke),
    );
  }

  /** Reads the point of a line, or none. */
  mark(line, at, far = 0) {
    this.current?.line.stroke?.classList.remove("current");
    this.current = line && { line, at, far };
    if (!line) {
      this.tip.replaceChildren();
      this.dot?.setAttribute("visibility", "hidden");
      return;
    }
    line.stroke.classList.add("current");
    line.stroke.parentNode.append(line.stroke);
    const [step, value] = line.points[at];
    const [x, y] = [this.x(step), this.y(value)];
    furnish(this.dot, { cx: x, cy: y, class: `mark s${line.tone}`, visibility: "visible" }, []);
    const exact = this.settings.smoothing > 0 ? `${rounded(line.raw[at][1])}, smoothed ${rounded(value)}` : rounded(value);
    this.tip.replaceChildren(element("b", {}, line.name), `step ${step}: ${exact}`);
    this.tip.style.left = "0";
    const left = x + 14 + this.tip.offsetWidth > this.width ? x - 14 - this.tip.offsetWidth : x + 14;
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${Math.max(0, y - this.tip.offsetHeight - 8)}px`;
  }

  point(event) {
    if (!this.lines?.length || !this.x) return;
    const box = this.host.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const share = (x - this.left) / (this.right - this.left);
    const step = this.across[0] + share * (this.across[1] - this.across[0]);
    let best = { far: Infinity };
    for (const line of this.lines) {
      const at = nearestPoint(line.points, step, this.shown);
      if (at === undefined) continue;
      const far = Math.hypot(this.x(line.points[at][0]) - x, this.y(line.points[at][1]) - y);
      if (far < best.far) best = { line, at, far };
    }
    if (best.line) this.mark(best.line, best.at, best.far);
  }

  open() {
    this.current?.line.open?.();
  }

  key(event) {
    const moves = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      Home: [0, -Infinity],
      End: [0, Infinity],
    };
    if (event.key === "Enter") this.open();
    if (!(event.key in moves) || !this.lines?.length) return;
    event.preventDefault();
    const [other, along] = moves[event.key];
    const now = this.current?.line ?? this.lines[0];
    const line = this.lines[(this.lines.indexOf(now) + (this.current ? other : 0) + this.lines.length) % this.lines.length];
    const points = [...line.points.keys()].filter((at) => this.shown(line.points[at][1]));
    const step = this.current ? now.points[this.current.at][0] : line.points[points[0]][0];
    const here = points.findIndex((at) => line.points[at][0] >= step);
    const start = here < 0 ? points.length - 1 : here;
    const moved = this.current ? Math.min(points.length - 1, Math.max(0, start + along)) : start;
    this.mark(line, points[moved]);
  }
}
