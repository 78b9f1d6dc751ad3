"""Write the sections below the plot: keeps, losses, other numbers, outcomes, rules and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.report.page.parts.page import ID, make_table
from pytest_ouro.report.page.parts.small import draw_parts, draw_side
from pytest_ouro.report.runs.times import describe_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.report.page.facts import Count, RunEntry, Slice
    from pytest_ouro.report.page.parts.page import Page

#: A difference beyond this many of its standard errors is called worse or better.
_CLEAR = 2.0
#: The letters of a keep's description, which fit on one line; its row in the table of all runs has
#: more of them, and its details have all.
_LETTERS = 80
#: The sign before each state of a keep.
_SIGNS = {"provisional": "○", "confirmed": "●", "refuted": "✕", "void": "◇"}


def write_kept(page: Page) -> Iterator[str]:
    """Yield the table of the kept results, newest first, or that there is none."""
    places = page.facts["kept"][::-1]
    runs = [page.facts["runs"][place] for place in places]
    head = ["commit", "state", "value", "gain", "± 2 se", "code", "description"]
    rows = [
        (
            page.link(place),
            _show_state(run["state"]),
            run["shown"],
            "baseline" if run["mark"] == "baseline" else run["gain_shown"] or "–",
            _show_interval(run),
            "" if run["code"] is None else f"{run['code']:+d}".replace("-", "−"),
            page.show(run["description"], _LETTERS)
            + (f" <small>{page.show(run['state_why'], 120)}</small>" if run["state_why"] else ""),
        )
        for place, run in zip(places, runs, strict=True)
    ]
    yield '<section id="kept" aria-labelledby="kept-h"><h2 id="kept-h">Kept results</h2>'
    if not rows:
        yield "<p>Nothing was kept.</p></section>"
        return
    caption = "Each keep with its gain over the keep before it; code in nodes of the syntax tree"
    yield from make_table(caption, head, rows, numbers=(2, 3, 4, 5), name="kept")
    yield "</section>"


def _show_state(state: str) -> str:
    """Return the state of a keep with its sign as HTML, in a colour unless it is provisional."""
    words = f"{_SIGNS[state]} {state}"
    return words if state == "provisional" else f'<span class="{state}">{words}</span>'


def _show_interval(run: RunEntry) -> str:
    """Return two standard errors of a run's gain, in the unit of its metric, as text; "" where they
    are not known."""
    if not run["error"] or run["gain"] is None:
        return ""
    digits = len(run["error_shown"].partition(".")[2])
    return f"{_CLEAR * run['error']:.{max(digits, 1)}f}"


def write_losses(page: Page) -> Iterator[str]:
    """Yield the section on what got worse from the baseline to the tip, by parts of the judged
    rows; nothing if the losses by row are not known."""
    losses = page.facts["losses"]
    if losses is None:
        return
    of = f"{losses['pairs']} pairs of runs" if losses["pairs"] else "the two kept runs"
    ends = (losses["baseline"][:ID], losses["tip"][:ID])
    yield '<section id="worse" aria-labelledby="worse-h"><h2 id="worse-h">What got worse</h2>'
    yield (
        f"<p>From <code>{ends[0]}</code> to <code>{ends[1]}</code>, by {of}: "
        f"<b>{losses['worse']} of {losses['rows']}</b> judged rows have a higher loss.</p>"
    )
    largest = max((abs(one["gain"]) for one in losses["slices"]), default=0.0)
    rows = [
        (
            page.show(one["name"], 60),
            f"{one['baseline']:.4f}",
            f"{one['tip']:.4f}",
            f'<span class="{_judge(one)}">{one["gain"]:+.4f}</span>'.replace("-0.", "−0."),
            "" if one["error"] is None else f"{_CLEAR * one['error']:.2g}",
            _draw_bar(one, largest),
        )
        for one in losses["slices"]
    ]
    head = ("part of the rows", "before", "after", "better by", "± 2 se", "")
    caption = "Loss in bits per byte; a negative number in red got worse beyond the choice of rows"
    yield from make_table(caption, head, rows, numbers=(1, 2, 3, 4))
    yield "</section>"


def _judge(one: Slice) -> str:
    """Return the class of a part: "bad" if it is worse by more than the choice of rows explains,
    "good" if it is better by more, otherwise "plain"."""
    band = _CLEAR * (one["error"] or 0.0)
    return "bad" if one["gain"] < -band else "good" if one["gain"] > band else "plain"


def _draw_bar(one: Slice, largest: float) -> str:
    """Return a picture of a bar from the middle: to the right for better, to the left for worse.
    The bar of a gain of ``largest``, in bits per byte, fills its half."""
    width = 50 * abs(one["gain"]) / largest if largest else 0.0
    x = 50.0 if one["gain"] > 0 else 50 - width
    return (
        '<svg class="diverge" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="M50 0V12"/><rect class="{_judge(one)}" x="{x:.1f}" y="2" '
        f'width="{width:.1f}" height="8"/></svg>'
    )


def write_sides(page: Page) -> Iterator[str]:
    """Yield a section with a small picture for each number beside the metric (`Side`), such as the
    memory, of the experiments of the main curve; nothing if there is none."""
    facts = page.facts
    sides = [side for side in facts["sides"] if side["curve"] == facts["main"]]
    if not sides:
        return
    curve = facts["curves"][sides[0]["curve"]]
    mine = [facts["runs"][place] for place in curve["runs"]]
    yield '<section id="sides" aria-labelledby="sides-h">'
    yield '<h2 id="sides-h">Guards and other numbers</h2><div class="sides">'
    for side in sides:
        name = page.show(side["name"] + (f" ({side['unit']})" if side["unit"] else ""), 60)
        limit = f"{side['limit']:.6g}" if side["limit"] is not None else ""
        rule = f" at {side['at']} {limit}: {page.show(side['rule'], 100)}" if limit else ""
        yield f"<figure>{draw_side(side, mine, name + ' by experiment')}"
        yield f"<figcaption><b>{name}</b>{rule}</figcaption></figure>"
    yield "</div></section>"


def write_counts(page: Page) -> Iterator[str]:
    """Yield a section with tables of outcomes, of broken rules, and of how time was spent, with a
    bar of it; nothing without a run."""
    facts = page.facts
    if not facts["runs"]:
        return
    yield '<section id="counts" aria-labelledby="counts-h">'
    yield '<h2 id="counts-h">Outcomes, rules and time</h2><div class="columns"><div>'
    yield from _write_table(page, "Outcomes of all runs", "outcome", facts["outcomes"])
    yield "</div><div>"
    if facts["broken"]:
        yield from _write_table(page, "Rules and guards that were broken", "rule", facts["broken"])
    else:
        yield "<p>No rule about a run, and no guard, was broken.</p>"
    yield "<p><small>A commit that the gate refuses is not run, and has no record.</small></p>"
    spent = facts["spent"]
    total = sum(part["seconds"] for part in spent)
    if total:
        yield from draw_parts(spent)
        rows = [
            (
                f'<i class="key p{number}"></i>{part["name"]}',
                page.show(describe_duration(part["seconds"]), 30),
                f"{100 * part['seconds'] / total:.0f} %",
                f"<small>{page.show(part['meaning'], 100)}</small>",
            )
            for number, part in enumerate(spent)
        ]
        caption = "Time spent in this night"
        yield from make_table(caption, ("on", "time", "share", ""), rows, numbers=(1, 2))
    yield "</div></div></section>"


def _write_table(page: Page, caption: str, what: str, counts: Sequence[Count]) -> Iterator[str]:
    """Yield a table of counts with their meanings; ``what`` is the heading of what is counted.
    Nothing is yielded without a count."""
    rows = [
        (
            f"{page.show(one['name'], 80)}<small>{page.show(one['meaning'], 160)}</small>",
            str(one["count"]),
        )
        for one in counts
    ]
    yield from make_table(caption, (what, "runs"), rows, numbers=(1,))
