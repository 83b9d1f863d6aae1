// The filter of the list: all terms must hold. A term is a text, or a name, a comparison and a value.

const TERM = /^([^=<>!]+)(>=|<=|!=|=|>|<)(.*)$/;

/** What a run says to a name; undefined when it says nothing. */
function field(run, name) {
  if (["id", "name", "stage", "state", "seed"].includes(name)) return run[name];
  const place = [run.axes, run.values, run.facts].find((some) => some && Object.hasOwn(some, name));
  return place ? place[name] : configuration(run).get(name);
}

function equals(name, value, wanted) {
  const number = wanted === "" ? NaN : Number(wanted);
  if (typeof value === "number") return value === number;
  if (name === "id") return value.startsWith(wanted.toLowerCase());
  return text(value).toLowerCase() === wanted.toLowerCase();
}

function compares(name, value, operator, wanted) {
  const same = !isMissing(value) && wanted.split("|").some((one) => equals(name, value, one));
  if (operator === "=") return same;
  if (operator === "!=") return !same;
  const number = Number(wanted);
  if (typeof value !== "number" || wanted === "") return false;
  return { ">": value > number, ">=": value >= number, "<": value < number, "<=": value <= number }[operator];
}

function haystack(run) {
  return [run.id, run.name, run.stage, run.state, ...Object.values(run.axes ?? {}).map(text)].join("\n").toLowerCase();
}

/** The terms of a query as tests of runs, and the names in it that no run knows. */
function parse(query) {
  const terms = (query.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []).map((term) => term.replaceAll('"', ""));
  const unknown = [];
  const tests = terms.map((term) => {
    const [, name, operator, wanted] = TERM.exec(term) ?? [];
    if (!name) return (run) => haystack(run).includes(term.toLowerCase());
    if (!runs.some((run) => field(run, name) !== undefined)) unknown.push(name);
    return (run) => compares(name, field(run, name), operator, wanted);
  });
  return { holds: (run) => tests.every((test) => test(run)), unknown };
}
