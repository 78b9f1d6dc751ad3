"""Draw the experiments of a curve as SVG: all tries, what was kept, what is claimed of it and what
is left without luck."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_ouro.report.html.scale import Scale, find_range, list_ticks, write_tick
from pytest_ouro.report.html.text import cut, show
from pytest_ouro.report.page.parts.labels import Wanted, place_labels
from pytest_ouro.report.redact import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.report.page.facts import Certified, Curve, Mark, RunEntry

WIDTH, HEIGHT = 1200, 400
#: The room around the area: for the numbers, for the names of the lines, and for marks of crashes.
LEFT, RIGHT, TOP, BOTTOM, LANE = 68, 138, 14, 30, 22
#: The height of a plot without any value.
_FLAT = 90
#: The marks that have no place on the vertical axis.
FAILED: tuple[Mark, ...] = ("crash", "breach")
#: The marks of keeps, in the order in which they are drawn.
KEPT: tuple[Mark, ...] = ("void", "refuted", "provisional", "confirmed", "baseline")
_ORDER: tuple[Mark, ...] = ("aside", "discard", "placebo", *FAILED, *KEPT)
#: What the marks of a legend are called.
NAMES: dict[Mark, str] = {
    "baseline": "baseline",
    "provisional": "kept, provisional",
    "confirmed": "kept, confirmed",
    "refuted": "kept, refuted",
    "void": "kept, void",
    "discard": "tried",
    "aside": "not new code",
    "placebo": "placebo",
    "crash": "crash",
    "breach": "breach of a rule",
}
#: By how much the path of a mark begins beside its place, right and down.
SHIFTS: dict[Mark, str] = {
    "refuted": "-4.5 -4.5",
    "crash": "-3 -3",
    "breach": "-5 4",
    "void": "-5 0",
    "baseline": "-4 -4",
    "provisional": "0 -4.5",
    "confirmed": "0 -4.5",
    "placebo": "-3.5 0",
}
#: An arc from the top around to a tenth beside it, which is closed: one text for all keeps.
_CIRCLE = "a4.5 4.5 0 1 0 .1 0z"
#: What follows the begin of a mark's path; a dot is a line without length.
_SHAPES: dict[Mark, str] = {
    "refuted": "l9 9m0-9l-9 9",
    "crash": "l6 6m0-6l-6 6",
    "breach": "l5-9 5 9z",
    "void": "l5-5 5 5-5 5z",
    "baseline": "h8v8h-8z",
    "provisional": _CIRCLE,
    "confirmed": _CIRCLE,
    "placebo": "h7m-3.5-3.5v7",
}
#: The most labels, and the most letters of one.
_LABELS, _LETTERS = 16, 34


def draw(
    curve: Curve,
    runs: Sequence[RunEntry],
    *,
    title: str,
    name: str = "",
    height: int = HEIGHT,
    raw: bool = False,
) -> str:
    """Return an ``<svg>`` element; "" for a curve without an experiment. ``height`` has no effect
    without a value. ``title`` is HTML and describes it, ``name`` is different for each drawing of a
    page. Values far from the kept ones are drawn at the edge. Labels are redacted unless
    ``raw``."""
    mine = [runs[place] for place in curve["runs"]]
    if not mine:
        return ""
    known = any(run["value"] is not None for run in mine)
    height = height if known else _FLAT
    scale = make_scale(curve, mine, height)
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}"'
            f"{_describe(scale)}>",
            *_draw_axes(scale, height, known=known),
            f'<clipPath id="area{name}"><path d="M{LEFT} 0H{WIDTH - RIGHT}V{scale.bottom + 4:.1f}'
            f'H{LEFT}z"/></clipPath>',
            f'<g class="lines" clip-path="url(#area{name})"><g>{_draw_band(curve, scale)}',
            _draw_starts(curve, scale),
            _draw_steps(curve["best"], scale, "claimed"),
            _draw_steps(curve["corrected"], scale, "corrected") + "</g></g>",
            f'<g class="marks">{"".join(_draw_marks(mine, scale))}</g>',
            f'<g class="labels" clip-path="url(#area{name})">',
            *_draw_labels(curve, mine, scale, raw),
            f'</g><g class="ends">{"".join(_draw_ends(curve, scale))}</g>',
            "</svg>",
        ]
    )


def _describe(scale: Scale) -> str:
    """Return the attributes by which the page's script knows the scale of a drawing."""
    facts = {
        "left": scale.left,
        "right": scale.right,
        "top": scale.top,
        "bottom": scale.bottom,
        "low": scale.low,
        "high": scale.high,
        "many": scale.many,
    }
    return "".join(f' data-{key}="{value:.12g}"' for key, value in facts.items())


def make_scale(curve: Curve, mine: Sequence[RunEntry], height: int) -> Scale:
    """Return the scale of a curve's plot. Without any value, it is that of the values 0 and 1."""
    tried = [run["value"] for run in mine if run["value"] is not None and run["mark"] != "aside"]
    lines = (curve["best"], curve["corrected"], curve["low"], curve["high"])
    kept = [value for line in lines for value in line if value is not None]
    if (certified := curve["certified"]) is not None:
        kept += [certified["value"], certified["low"]]
    kept = kept or tried or [0.0, 1.0]
    low, high = find_range(kept, tried)
    room = (high - low) * 0.10  # for labels, on the side on which no experiment is
    low, high = (low - room, high) if curve["direction"] == "lower" else (low, high + room)
    bottom = height - BOTTOM - (LANE if any(run["mark"] in FAILED for run in mine) else 0)
    return Scale(low, high, len(mine), LEFT + 10, WIDTH - RIGHT - 10, TOP, bottom)


def _draw_axes(scale: Scale, height: int, *, known: bool) -> Iterator[str]:
    """Yield the horizontal lines with their values, if any is ``known``, and the numbers of
    experiments."""
    ticks = list_ticks(scale.low, scale.high, 6 if height > 300 else 4) if known else []
    yield '<g class="axes">'
    for value in ticks:
        y = scale.y(value)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        text = write_tick(value, ticks)
        yield f'<text class="y" x="{LEFT - 8}" y="{y + 4:.1f}">{text}</text>'
    for value in list_ticks(1, scale.many, 10) if scale.many > 1 else [1.0]:
        if value == int(value) and value >= 1:
            x = scale.x(value - 1)
            yield f'<text class="x" x="{x:.1f}" y="{height - 10}">{int(value)}</text>'
    yield (f'<text class="name" x="{WIDTH - RIGHT + 8}" y="{height - 10}">experiment</text></g>')


def _draw_band(curve: Curve, scale: Scale) -> str:
    """Return the band in which the best value would be if nothing helped; "" if it is not known."""
    shapes = []
    for start, end in _stretches(curve):
        places = [n for n in range(start, end) if curve["low"][n] is not None]
        if len(places) < 2:
            continue
        upper = _steps([(n, curve["high"][n]) for n in places], scale, end)
        lower = _steps([(n, curve["low"][n]) for n in places], scale, end)
        shapes.append(f"{_join([*upper, *reversed(lower)])}Z")
    return f'<path class="band" d="{"".join(shapes)}"/>' if shapes else ""


def _stretches(curve: Curve) -> list[tuple[int, int]]:
    """Return for each baseline its place, and the place of the next one or, for the last, the
    number of experiments."""
    return list(pairwise([*curve["starts"], len(curve["runs"])]))


def _steps(
    points: Sequence[tuple[int, float | None]], scale: Scale, end: int
) -> list[tuple[float, float]]:
    """Return the corners of a line of steps through values, each of which holds until the next, and
    the last until the place before ``end``. Equal values make no step, and None is passed over; []
    without a value."""
    changes: list[tuple[int, float]] = []
    for place, value in points:
        if value is not None and (not changes or changes[-1][1] != value):
            changes.append((place, value))
    corners: list[tuple[float, float]] = []
    for number, (start, value) in enumerate(changes):
        after = changes[number + 1][0] if number + 1 < len(changes) else end - 1
        corners += [(scale.x(start), scale.y(value)), (scale.x(after), scale.y(value))]
    return corners


def _join(corners: Sequence[tuple[float, float]]) -> str:
    """Return the data of a path through these places, each of which is beside, above or below the
    one before. Moves that make less than a tenth of a unit are left out: a long night has many. ""
    without a place."""
    spots = [(round(10 * x), round(10 * y)) for x, y in corners]
    moves: list[tuple[str, int]] = []
    for (x, y), (right, down) in pairwise(spots):
        kind, by = ("h", right - x) if right != x else ("v", down - y)
        if moves and moves[-1][0] == kind:
            by += moves.pop()[1]
        if by:
            moves.append((kind, by))
    start = "".join(f"M{x / 10:g} {y / 10:g}" for x, y in spots[:1])
    data = "".join(f"{kind}{by / 10:g}" for kind, by in moves)
    return start + re.sub(r"(?<=[hv-])0\.", ".", data)


def _draw_steps(line: Sequence[float | None], scale: Scale, kind: str) -> str:
    """Return a line of steps as an SVG path of the CSS class ``kind``; "" without a value."""
    data = _join(_steps([*enumerate(line)], scale, len(line)))
    return f'<path class="{kind}" d="{data}"/>' if data else ""


def _draw_starts(curve: Curve, scale: Scale) -> str:
    """Return as SVG a vertical line at each baseline but the first."""
    return "".join(
        f'<path class="fresh" d="M{scale.x(place):.1f} {scale.top}V{scale.bottom:.1f}"/>'
        for place in curve["starts"][1:]
    )


def place_of(run: RunEntry, place: int, scale: Scale) -> tuple[float, float] | None:
    """Return where an experiment is drawn: one that failed in the lane below the area; None for one
    that measured nothing for another reason."""
    if run["mark"] in FAILED:
        return scale.x(place), scale.bottom + LANE - 8
    if run["value"] is None:
        return None
    return scale.x(place), scale.y(run["value"])


def _draw_marks(mine: Sequence[RunEntry], scale: Scale) -> Iterator[str]:
    """Yield one path for all marks of each kind."""
    shapes: dict[Mark, list[str]] = {}
    for place, run in enumerate(mine):
        if at := place_of(run, place, scale):
            shapes.setdefault(run["mark"], []).append(shape(run["mark"], *at))
    yield from (
        f'<path class="mark {mark}" data-shift="{SHIFTS.get(mark, "0 0")}" '
        f'd="{"".join(shapes[mark])}"/>'
        for mark in _ORDER
        if mark in shapes
    )


def shape(mark: Mark, x: float, y: float) -> str:
    """Return the data of a path that draws a mark at this place."""
    right, down = map(float, SHIFTS.get(mark, "0 0").split())
    return f"M{round(x + right, 1):g} {round(y + down, 1):g}{_SHAPES.get(mark, 'h0')}"


def _draw_labels(curve: Curve, mine: Sequence[RunEntry], scale: Scale, raw: bool) -> Iterator[str]:
    """Yield the descriptions of kept experiments but baselines: of the `_LABELS` with the largest
    gains, those for which there is room, with a line to the point of one that is far from it."""
    wanted, points = [], []
    for place, run in enumerate(mine):
        spot = place_of(run, place, scale)
        if spot is None:
            continue
        points.append(spot)
        if run["mark"] in KEPT and run["mark"] != "baseline" and run["description"].strip():
            words = " ".join(run["description"].split())
            text = cut(words, _LETTERS) if raw else shorten(words, _LETTERS)
            wanted.append(Wanted(*spot, text, run["gain"] or 0.0))
    wanted = sorted(wanted, key=lambda one: -one.weight)[:_LABELS]
    area = (LEFT, scale.top, WIDTH - RIGHT + 4, scale.bottom + 2)
    lines = [
        (*one, *other)
        for line in (curve["best"], curve["corrected"])
        for one, other in pairwise(_steps([*enumerate(line)], scale, len(line)))
    ]
    down = curve["direction"] == "lower"
    for label in place_labels(wanted, points, lines, area, down=down):
        x, y = label.text_x, label.text_y
        at = f' data-at="{label.x:.1f} {label.y:.1f}"'
        if abs(y - label.y) > 20:
            end = y + 3 if y < label.y else y - 9
            away = 6 if y > label.y else -6
            yield f'<path class="leader"{at} d="M{label.x:.1f} {label.y + away:.1f}V{end:.1f}"/>'
        words = show(label.text, raw=raw)
        yield f'<text class="{label.anchor}"{at} x="{x:.1f}" y="{y:.1f}">{words}</text>'


def _draw_ends(curve: Curve, scale: Scale) -> Iterator[str]:
    """Yield the names of the lines at their right ends, and the certificate."""
    x, last = WIDTH - RIGHT + 2, len(curve["runs"]) - 1
    names: list[tuple[float, str, str]] = []
    if (value := curve["best"][last]) is not None:
        names.append((scale.y(value), "claimed", "claimed"))
    if (value := curve["corrected"][last]) is not None:
        names.append((scale.y(value), "corrected", "without luck"))
    if (low := curve["low"][last]) is not None and (high := curve["high"][last]) is not None:
        names.append((scale.y((low + high) / 2), "band", "if nothing helped"))
    if (certified := curve["certified"]) is not None:
        yield _draw_certified(certified, scale, x)
        names.append((scale.y(certified["value"]), "certified", "certified"))
    for y, kind, name in _spread(sorted(names), scale):
        yield f'<text class="end-{kind}" x="{x + 14}" y="{y + 4:.1f}">{name}</text>'


def _spread(names: list[tuple[float, str, str]], scale: Scale) -> list[tuple[float, str, str]]:
    """Return names at heights, from the top, that lie a line apart at least, within the area."""
    found: list[tuple[float, str, str]] = []
    last = -100.0
    for y, kind, name in names:
        last = max(y, last + 15)
        found.append((last, kind, name))
    over = max(0.0, last - scale.bottom)
    return [(y - over, kind, name) for y, kind, name in found]


def _draw_certified(certified: Certified, scale: Scale, x: float) -> str:
    """Return the certified value with its lower bound, as a bar beside the area."""
    y, low = scale.y(certified["value"]), scale.y(certified["low"])
    return (
        f'<path class="certified" d="M{x + 4} {low:.1f}h6m-3 0V{y:.1f}"/>'
        f'<path class="mark certified" d="M{x + 7} {y:.1f}h0"/>'
    )
