// From the points of a line to a drawing: smoothing, scales and their ticks.

/** Exponential moving average without the pull towards zero of its beginning; what is not a number is left out. */
function smooth(points, weight) {
  if (weight === 0) return points;
  let [mean, share] = [0, 0];
  return points.map(([step, value]) => {
    if (value === null) return [step, null];
    mean = weight * mean + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return [step, mean / share];
  });
}

function niceStep(span, count) {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
}

function linearTicks(from, to, count) {
  const step = niceStep(to - from, count);
  const first = Math.ceil(from / step - 1e-9);
  const length = Math.max(0, Math.floor(to / step + 1e-9) - first + 1);
  return Array.from({ length }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

function logTicks(from, to, count) {
  const decades = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) decades.push(power);
  const factors = decades.length <= 3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades.length / count));
  const ticks = decades
    .filter((power) => power % every === 0)
    .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)));
  const inside = ticks.filter((value) => value >= from * 0.999 && value <= to * 1.001);
  return inside.length > 1 ? inside : linearTicks(from, to, count);
}

function tickText(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential().replace("e+", "e");
  return String(value);
}

/** From numbers to pixels. */
function scale([from, to], [start, end], log) {
  const place = log ? Math.log10 : Number;
  const [a, b] = [place(from), place(to)];
  return (value) => start + ((place(value) - a) / (b - a)) * (end - start);
}

function domain(values, log) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (least === most)
    return log ? [least / 2, most * 2] : [least - (Math.abs(least) || 1) / 10, most + (Math.abs(most) || 1) / 10];
  return log ? [least, most] : [least - (most - least) * 0.03, most + (most - least) * 0.03];
}

function path(points, x, y, shown) {
  let pen = "M";
  let drawing = "";
  for (const [step, value] of points) {
    if (shown(value)) {
      drawing += `${pen}${x(step).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    } else pen = "M";
  }
  // A lone point is a line of no length, which a round end shows.
  return drawing.includes("L") ? drawing : `${drawing}h0`;
}

/** The point of a line whose step is nearest, among those that are shown. */
function nearestPoint(points, step, shown) {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < step) low = middle + 1;
    else high = middle;
  }
  const around = [low - 1, low, low + 1].filter((at) => points[at] && shown(points[at][1]));
  return around.sort((a, b) => Math.abs(points[a][0] - step) - Math.abs(points[b][0] - step))[0];
}
