"""Write the plots of all curves, and the table of all runs, which says the same in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.report.page.parts.page import ID, make_table
from pytest_ouro.report.page.parts.plot import NAMES, draw, shape
from pytest_ouro.report.page.parts.small import draw_gains
from pytest_ouro.report.runs.times import describe_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.report.page.facts import Curve
    from pytest_ouro.report.page.parts.page import Page


def write_plot(page: Page) -> Iterator[str]:
    """Yield the section with the plot of the main curve, or how to get one."""
    facts = page.facts
    yield '<section id="progress" aria-labelledby="progress-h">'
    if facts["main"] is None:
        yield '<h2 id="progress-h">Progress</h2>'
        yield (
            '<p class="empty">Nothing to draw yet: <code>pytest --ouro-experiment</code> runs the '
            "first experiment.</p></section>"
        )
        return
    curve = facts["curves"][facts["main"]]
    yield f'<h2 id="progress-h">{_name_plot(page, curve)}</h2>'
    yield from _write_figure(page, curve, facts["main"], 366)
    yield "</section>"


def _name_plot(page: Page, curve: Curve) -> str:
    """Return the heading of a plot as HTML: the metric, the curve's name if it has another, whether
    lower or higher is better, and the unit."""
    better = f"{curve['direction']} is better"
    unit = f", {page.show(curve['unit'], 30)}" if curve["unit"] else ""
    apart = curve["name"] and curve["name"] != curve["metric"]
    name = f", {page.show(curve['name'], 80)}" if apart else ""
    return f"{page.show(curve['metric'], 60)}{name} <small>{better}{unit}</small>"


def _write_figure(page: Page, curve: Curve, number: int, height: int) -> Iterator[str]:
    """Yield a plot with its legend, as pieces of HTML. ``number`` is the index of the curve,
    ``height`` that of the plot in units of the drawing (see `draw`)."""
    runs = page.facts["runs"]
    title = (
        f"{page.show(curve['metric'], 60)} of {len(curve['runs'])} experiments; the table of all "
        "runs has the same values"
    )
    yield f'<figure class="plot" data-curve="{number}">'
    yield draw(curve, runs, title=title, name=f"{number}", height=height, raw=page.raw)
    marks = Counter(runs[place]["mark"] for place in curve["runs"])
    yield '<figcaption class="legend">'
    if any(value is not None for value in curve["best"]):
        yield _write_key("claimed", "M0 7H22", 22, "claimed (best kept)")
    if any(value is not None for value in curve["corrected"]):
        yield _write_key("corrected", "M0 7H22", 22, "without luck")
        yield _write_key("band", "M0 2H22V12H0Z", 22, "if nothing helped (90 %)")
    for mark, name in NAMES.items():
        if marks[mark]:
            drawn = shape(mark, 7, 7)
            yield _write_key(f"mark {mark}", drawn, 14, f"{name} <b>{marks[mark]}</b>")
    yield "</figcaption></figure>"


def _write_key(kind: str, drawn: str, width: int, words: str) -> str:
    """Return an item of a legend as HTML: a picture, ``width`` wide, of the path ``drawn`` in the
    CSS class ``kind``, then ``words``, which are HTML."""
    return (
        f'<span><svg viewBox="0 0 {width} 14" width="{width}" height="14" aria-hidden="true">'
        f'<path class="{kind}" d="{drawn}"/></svg>{words}</span>'
    )


def write_curves(page: Page) -> Iterator[str]:
    """Yield the other curves, and all curves beside each other; nothing if there is only one."""
    facts = page.facts
    if not page.has_several_curves:
        return
    yield '<section id="curves" aria-labelledby="curves-h"><h2 id="curves-h">All curves</h2>'
    yield "<p>Values are compared on one device, by one metric, on one branch only.</p>"
    rows = [
        (
            f"{page.show(curve['name'], 80)} <small>{_describe(page, curve)}</small>",
            str(len(curve["runs"])),
            str(curve["kept"]),
            page.show(curve["first"], 24),
            page.show(curve["last"], 24),
            page.show(curve["gain"], 24),
            page.show(describe_duration(curve["seconds"]), 30),
        )
        for curve in facts["curves"]
    ]
    head = ("curve", "runs", "kept", "first", "best", "gain", "device time")
    caption = "Each curve since its last baseline"
    yield from make_table(caption, head, rows, numbers=(1, 2, 3, 4, 5, 6))
    metrics = Counter((curve["metric"], curve["direction"]) for curve in facts["curves"])
    for (metric, direction), count in metrics.items():
        chosen = [
            c for c in facts["curves"] if (c["metric"], c["direction"]) == (metric, direction)
        ]
        if count > 1 and (picture := draw_gains(page, chosen)):
            yield f'<h3>Gain over the baseline, {page.show(metric, 60)}</h3><figure class="plot">'
            yield f"{picture}</figure>"
    for number, curve in enumerate(facts["curves"]):
        if number != facts["main"]:
            yield f"<h3>{_name_plot(page, curve)}</h3>"
            yield from _write_figure(page, curve, number, 260)
    yield "</section>"


def _describe(page: Page, curve: Curve) -> str:
    """Return as HTML where a curve is from: its metric, device, branch and working tree."""
    tree = f", working tree {curve['worktree']}" if curve["worktree"] else ""
    where = f"{curve['metric']} on {curve['device']}, branch {curve['branch'] or '(none)'}{tree}"
    return page.show(where, 120)


def write_runs(page: Page) -> Iterator[str]:
    """Yield the section with the table of all runs, newest first, which has the values of the
    plots; nothing without a run."""
    facts = page.facts
    if not facts["runs"]:
        return
    yield '<section id="runs" aria-labelledby="runs-h"><h2 id="runs-h">All runs</h2>'
    yield '<div class="wide"><table class="runs"><caption>Newest first; a run opens by its commit'
    yield "</caption><thead><tr>"
    head = ["#", "commit", "verdict", "value", "gain", "description", "ended"]
    head += ["curve"] if page.has_several_curves else []
    yield "".join(f'<th scope="col">{name}' for name in head)
    yield "<tbody>"
    for place in range(len(facts["runs"]) - 1, -1, -1):
        yield _write_row(page, place)
    yield "</table></div></section>"


def _write_row(page: Page, place: int) -> str:
    """Return the row of the run at the index ``place``, in few letters, since there is one for each
    run: it has no mark if that is "discard", the most frequent one, and no link, since the script
    makes what opens it."""
    run = page.facts["runs"][place]
    detail = run["state"] or run["reason"]
    words = run["status"] if detail == run["status"] else f"{run['status']} {detail}"
    curve = run["curve"]
    several = page.has_several_curves
    name = page.facts["curves"][curve]["name"] if curve is not None and several else ""
    kind = "" if run["mark"] == "discard" else f" class={run['mark']}"
    cells = [
        run["shown"],
        run["gain_shown"],
        page.show(run["description"], 100),
        page.show_time(run["time"]),
        *([page.show(name, 60)] if several else []),
    ]
    where = f" data-c={curve}" if curve else ""
    start = f"<tr id=r{place}{where}><td>{run['number'] or ''}<td>{run['commit'][:ID]}"
    return f"{start}<td{kind}>{words}<td>{'<td>'.join(cells)}"
