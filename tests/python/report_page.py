"""Does the page of a report work? report_page.py INDEX.html [CHROMIUM]

Opens the page in a headless Chromium (by default /usr/bin/chromium) as a file, and clicks through it: sorts, filters, opens a run,
compares two, draws curves, changes the theme. No error may be on the console and nothing may be asked of the network. Works with
any report of two runs or more. Needs Playwright for Python, and no browser of its own. Prints one line; ends with 1 when something
does not hold.
"""

import json
import re
import sys
import tempfile
from itertools import groupby
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROWS = "#run-table tbody tr"
# Milliseconds after which the browser counts as stuck; a busy machine is slow.
PATIENCE = 180_000


class Wrong(Exception):
    """Something that a reader of the page would miss."""


def expect(holds, message):
    if not holds:
        raise Wrong(message)


def watch(page):
    """What goes wrong beside the clicks, as lines that grow."""
    seen = []
    page.on(
        "console", lambda message: seen.append(f"console: {message.text}") if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on(
        "request", lambda request: None if re.match("(file|data|blob):", request.url) else seen.append(f"asks {request.url}")
    )
    return seen


def shown(page):
    """The ids in the list of runs, from top to bottom."""
    return page.eval_on_selector_all(ROWS, "rows => rows.filter(row => !row.hidden).map(row => row.dataset.id)")


def value(run, column):
    """What the list shows of a run in a column."""
    if column in ("name", "stage", "state", "seed", "id"):
        return run.get(column)
    return run["axes"].get(column, run["values"].get(column))


def check_order(page, runs, head, before):
    """The rows must be in the order that the head announces, what is missing last, and equals as they were before."""
    column, direction = head.get_attribute("data-column"), head.get_attribute("aria-sort")
    expect(direction in ("ascending", "descending"), f"the head of {column} announces {direction!r} after a click")
    after = shown(page)
    values = [value(runs[id], column) for id in after]
    there = [one for one in values if one is not None]
    expect(values[: len(there)] == there, f"sorted by {column}, missing values are not last")
    places = {id: at for at, id in enumerate(before)}
    groups = [[places[id] for id, _ in group] for _, group in groupby(zip(after, values), lambda pair: json.dumps(pair[1]))]
    expect(all(group == sorted(group) for group in groups), f"sorting by {column} moves runs that are equal")
    expect(len(groups) == len({json.dumps(one) for one in values}), f"sorted by {column}, equal runs are not together")
    if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in there):
        expect(there == sorted(there, reverse=direction == "descending"), f"sorted by {column}, {direction}: {there[:9]}")
    return direction


def sort(page, runs):
    """Sorts by every column twice, the second time by the keyboard."""
    heads = page.locator("#run-table thead th[aria-sort]").all()
    for head in heads:
        button = head.locator("button")
        before = shown(page)
        button.click()
        first = check_order(page, runs, head, before)
        before = shown(page)
        button.press("Enter")
        expect(first != check_order(page, runs, head, before), "the second click on a head does not turn the order")
        announced = page.locator("#run-table th[aria-sort=ascending], #run-table th[aria-sort=descending]").count()
        expect(announced == 1, f"{announced} columns announce an order")
    expect(len(shown(page)) == len(runs), "sorting loses runs")
    return len(heads)


def reach(page):
    """Every button of the head must be reached by Tab from the first."""
    buttons = page.locator("#run-table thead button")
    buttons.first.focus()
    for at in range(buttons.count()):
        reached = buttons.nth(at).evaluate("button => button === document.activeElement")
        expect(reached, f"Tab does not reach the button of column {at + 1}")
        outline = buttons.nth(at).evaluate("button => getComputedStyle(button).outlineStyle")
        # A script that gives the first its focus is no sign of a keyboard.
        expect(at == 0 or outline != "none", f"the focus on column {at + 1} cannot be seen")
        page.keyboard.press("Tab")


def filter_by(page, runs, query, wanted):
    page.fill("#run-filter", query)
    expect(set(shown(page)) == set(wanted), f"the filter {query!r} shows {len(shown(page))} runs, not {len(wanted)}")
    count = page.inner_text("#run-count")
    expect(count.startswith(f"{len(wanted)} of {len(runs)} "), f"the filter {query!r} announces {count!r}")


def filters(page, runs):
    first = next(iter(runs.values()))
    filter_by(page, runs, first["id"], [first["id"]])
    filter_by(page, runs, f"id={first['id'][:12]}", [id for id in runs if id.startswith(first["id"][:12])])
    filter_by(page, runs, f"state={first['state']}", [id for id, run in runs.items() if run["state"] == first["state"]])
    filter_by(page, runs, f"stage!={first['stage']}", [id for id, run in runs.items() if run["stage"] != first["stage"]])
    for name, numbers in metrics(runs).items():
        middle = sorted(numbers)[len(numbers) // 2]
        high = [id for id, run in runs.items() if run["values"].get(name) is not None and run["values"][name] >= middle]
        filter_by(page, runs, f"{name}>={middle}", high)
        both = [id for id in high if runs[id]["state"] == first["state"]]
        filter_by(page, runs, f"{name}>={middle} state={first['state']}", both)
    filter_by(page, runs, "no-run-has-this-word", [])
    filter_by(page, runs, "", list(runs))
    page.select_option("#run-stage", first["stage"])
    expect(
        set(shown(page)) == {id for id, run in runs.items() if run["stage"] == first["stage"]},
        "the choice of a stage does not hold",
    )
    page.select_option("#run-stage", "")


def metrics(runs):
    """The numbers of all metrics that are columns, by name."""
    found = {}
    for run in runs.values():
        for name, number in run["values"].items():
            if isinstance(number, (int, float)):
                found.setdefault(name, []).append(number)
    return {name: numbers for name, numbers in found.items() if re.fullmatch(r"[\w./-]+", name)}


def configuration(report, run):
    full = {key: value for key, value in report["base"].get(run["stage"], {}).items() if key not in run.get("without", [])}
    return full | run["config"]


def has_curve(run):
    """Whether it has a curve that looks different on a logarithmic scale."""
    return any(len({value for _, value in line if value is not None and value > 0}) > 2 for line in run["curves"].values())


def check_chart(page, inside):
    """Logarithm and smoothing must change the lines; pointer and keys must read a value."""
    part = page.locator(inside)
    log, slider = part.get_by_label("Logarithmic"), part.get_by_label("Smoothing")

    def lines():
        return part.locator(".chart path.smooth").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")

    metric = part.locator(".controls select").last
    for name in metric.locator("option").evaluate_all("options => options.map(option => option.value)"):
        metric.select_option(name)
        linear = lines()
        log.check()
        logarithmic = lines()
        log.uncheck()
        expect(lines() == linear, f"{inside}: the linear scale does not come back")
        if linear and logarithmic != linear:
            break
    else:
        raise Wrong(f"{inside}: no metric is drawn, or the logarithmic scale changes none")
    slider.fill("0.8")
    expect(lines() != linear, f"{inside}: smoothing changes nothing")
    expect(
        part.locator(".chart path.raw").count() == len(linear), f"{inside}: smoothing does not keep the lines as they were"
    )
    slider.fill("0")
    chart, tip = part.locator(".chart > div").first, part.locator(".chart .tip")
    chart.hover()
    expect(
        re.search(r"step \d.*: \S*\d", tip.inner_text()),
        f"{inside}: hovering shows {tip.inner_text()!r}, not a step and a value",
    )
    page.mouse.move(0, 0)
    chart.focus()
    read = set()
    for key in ("Home", "End", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
        read.add(tip.inner_text())
    expect(len(read) > 1 and all("step" in one for one in read), f"{inside}: the keys read {read}")
    chart.blur()


def open_run(page, report, run):
    page.locator(f'tr[data-id="{run["id"]}"] a').click()
    dialog = page.locator("dialog#detail")
    expect(dialog.is_visible(), f"a click on {run['name']} opens nothing")
    expect(run["id"] in dialog.inner_text(), "the run that is open is another")
    expect(page.url.endswith(f"#run={run['id'][:12]}"), "the address does not lead to the run")
    keys = dialog.locator(".configuration tr").evaluate_all("rows => rows.map(row => row.dataset.key)")
    wanted = configuration(report, run)
    expect(sorted(keys) == sorted(wanted), f"{len(keys)} keys of the configuration are shown, not {len(wanted)}")
    for name, line in run["curves"].items():
        expect(not line or dialog.locator(f'option[value="{name}"]').count() == 1, f"the curve {name} cannot be chosen")
    if has_curve(run):
        check_chart(page, "dialog#detail")


def close(page):
    page.keyboard.press("Escape")
    page.locator("dialog#detail").wait_for(state="hidden")
    # The event of closing comes a moment later.
    page.wait_for_url(lambda url: "#" not in url)


def visit(page, report, run):
    """Opens a run by a click, leaves by Esc, returns by Back, and by its address alone."""
    open_run(page, report, run)
    close(page)
    page.go_back()
    page.locator("dialog#detail").wait_for(state="visible")
    close(page)
    page.goto(page.url.split("#")[0] + f"#run={run['id'][:8]}")
    page.reload()
    expect(run["id"] in page.locator("dialog#detail").inner_text(), "the address of a run does not open it")
    close(page)


def a_pair(report, runs):
    """Two runs of one stage that differ, curves preferred, or the first two; and the keys in which they differ."""

    def differing(one, other):
        a, b = configuration(report, one), configuration(report, other)
        return sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))

    listed = sorted(runs.values(), key=lambda run: not has_curve(run))
    for other in listed[1:]:
        if other["stage"] == listed[0]["stage"] and differing(listed[0], other):
            return listed[0], other, differing(listed[0], other)
    return listed[0], listed[1], differing(listed[0], listed[1])


def compare(page, one, other, keys):
    button = page.locator("#compare")
    expect(button.is_disabled(), "no run is ticked and Compare can be pressed")
    for run in (one, other):
        page.locator(f'tr[data-id="{run["id"]}"] input').check()
    button.click()
    dialog = page.locator("dialog#detail")
    expect(dialog.is_visible(), "Compare opens nothing")
    shown_keys = dialog.locator("table.words tr[data-key]").evaluate_all("rows => rows.map(row => row.dataset.key)")
    absent = [key for key in keys if key not in shown_keys]
    expect(not absent, f"compared, the runs differ in {absent[:3]}, which is not shown")
    if has_curve(one):
        check_chart(page, "dialog#detail")
    close(page)


def cells(page, runs):
    """A cell of a table must lead to the runs that it is made from."""
    linked = page.locator("td[data-runs] button")
    if linked.count() == 0:
        return
    ids = [id for id in linked.first.locator("xpath=..").get_attribute("data-runs").split() if id in runs]
    linked.first.click()
    if len(ids) == 1:
        expect(ids[0] in page.locator("dialog#detail").inner_text(), "a cell of a table does not open its run")
        close(page)
    else:
        expect(set(shown(page)) == set(ids), f"a cell of {len(ids)} runs lists {len(shown(page))}")
        page.fill("#run-filter", "")


def theme(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    # A drawing begins with its ground.
    grounds = "[...document.querySelectorAll('main figure svg > rect:first-of-type')].map(rect => getComputedStyle(rect).fill)"
    before, drawn = page.evaluate(ground), page.evaluate(grounds)
    page.click("#theme")
    expect(page.evaluate(ground) != before, "the button of the theme changes nothing")
    visible = page.locator("main figure svg:visible").count()
    expect(visible == page.locator("main figure").count() == len(drawn), "a figure is shown twice, or not at all")
    expect(all(now != then for now, then in zip(page.evaluate(grounds), drawn)), "a figure does not follow the theme")
    hints = page.locator("main figure .hints rect")
    if hints.count():
        hints.first.scroll_into_view_if_needed()
        hints.first.hover(force=True)
        stroke = hints.first.evaluate("place => getComputedStyle(place).strokeWidth")
        expect(stroke == "2px", f"a place of a figure does not show that it tells something: {stroke}")
        expect(re.search(r"\d", hints.first.text_content()), "a place of a figure tells no number")
    page.click("#theme")
    expect(page.evaluate(ground) == before, "the theme does not come back")


def check(page, index):
    seen = watch(page)
    page.goto(index.resolve().as_uri())
    report = json.loads(page.text_content("#data"))
    runs = {run["id"]: run for run in report["runs"]}
    expect(len(runs) >= 2, "the check needs two runs")
    expect(len(shown(page)) == len(runs), f"{len(shown(page))} of {len(runs)} runs are listed")
    columns = sort(page, runs)
    reach(page)
    filters(page, runs)
    if any(has_curve(run) for run in runs.values()):
        check_chart(page, "#curves")
    cells(page, runs)
    one, other, keys = a_pair(report, runs)
    visit(page, report, one)
    compare(page, one, other, keys)
    theme(page)
    page.set_viewport_size({"width": 400, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    expect(width <= 400, f"the page is {width} pixels wide on a screen of 400")
    expect(not seen, "; ".join(seen))
    return f"{len(runs)} runs, {columns} columns, {len(keys)} differing keys: the page works"


def main(index, chromium="/usr/bin/chromium"):
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=FLAGS, viewport={"width": 1280, "height": 900}, timeout=PATIENCE
        )
        context.set_default_timeout(PATIENCE)
        try:
            return check(context.new_page(), Path(index))
        finally:
            context.close()


try:
    print(f"{sys.argv[1]}: {main(*sys.argv[1:])}")
except (Wrong, Error) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
