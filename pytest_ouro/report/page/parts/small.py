"""Draw small pictures: the other numbers of experiments, curves beside each other, a bar of
parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.report.html.scale import Scale, list_ticks, write_tick
from pytest_ouro.report.page.parts.page import make_metric
from pytest_ouro.report.page.parts.plot import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.report.page.facts import Curve, Part, RunEntry, Side
    from pytest_ouro.report.page.parts.page import Page

_WIDTH, _HEIGHT = 280, 96
#: The most curves in one picture: each has a colour of its own.
_CURVES = 6


def draw_side(side: Side, mine: Sequence[RunEntry], label: str) -> str:
    """Return the picture of a number of the experiments ``mine``, of which one at least has it,
    with the limit of its guard. ``label``, HTML without a tag, is its description."""
    known = [value for value in side["values"] if value is not None]
    limits = [] if side["limit"] is None else [side["limit"]]
    low, high = min(known + limits), max(known + limits)
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    scale = Scale(low - room, high + room, len(mine), 6, _WIDTH - 52, 8, _HEIGHT - 6)
    # Places are whole numbers, and of dots at one place the kept one, or the first, is drawn.
    dots: dict[str, str] = {}
    for is_kept in (True, False):
        for place, (run, value) in enumerate(zip(mine, side["values"], strict=True)):
            if value is not None and is_kept == (run["mark"] in KEPT):
                spot = f"M{scale.x(place):.0f} {scale.y(value):.0f}h0"
                dots.setdefault(spot, "kept" if is_kept else "tried")
    ends = [(scale.y(low), low), (scale.y(high), high)] if high > low else [(scale.y(low), low)]
    ends = [end for end in ends if end[1] not in limits]
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">']
    if side["limit"] is not None:
        y = scale.y(side["limit"])
        parts.append(f'<path class="limit" d="M2 {y:.1f}H{_WIDTH - 48}"/>')
        parts.append(_write_end(y, side["limit"], "limit"))
        ends = [end for end in ends if abs(end[0] - y) > 12]
    for kind in ("tried", "kept"):  # the kept ones above the others
        data = "".join(spot for spot, found in dots.items() if found == kind)
        parts += [f'<path class="dot {kind}" d="{data}"/>'] if data else []
    parts += [_write_end(y, value, "") for y, value in ends]
    return "".join([*parts, "</svg>"])


def _write_end(y: float, value: float, kind: str) -> str:
    """Return a value as SVG text of the CSS class ``kind`` at the right edge of a small picture, at
    the height ``y``."""
    text = f"{value:,.0f}".replace(",", "\u202f") if abs(value) >= 1000 else f"{value:.4g}"
    return f'<text class="{kind}" x="{_WIDTH - 44}" y="{y + 4:.1f}">{text}</text>'


def draw_gains(page: Page, chosen: Sequence[Curve]) -> str:
    """Return one picture of several curves of one metric: the gain of their best kept value over
    the last baseline before it, in the unit of the metric (above 0 is better), by experiment. Only
    the first `_CURVES` are drawn; a caption says so if there are more. "" if none of these
    gained."""
    metric = make_metric(chosen[0])
    lines = []
    for curve in chosen[:_CURVES]:
        base: float | None = None
        gains: list[float | None] = []
        for place, best in enumerate(curve["best"]):
            if best is not None and (base is None or place in curve["starts"]):
                base = best
            gains.append(None if best is None or base is None else metric.gain(best, base))
        lines.append(gains)
    known = [gain for gains in lines for gain in gains if gain is not None]
    if not known or max(known) <= 0:
        return ""
    longest = max(map(len, lines))
    scale = Scale(0.0, max(known) * 1.06, longest, 68, 1030, 12, 220)
    ticks = list_ticks(0.0, scale.high, 4)
    cut = len(chosen) > len(lines)
    which = f"the first {len(lines)} of {len(chosen)} curves" if cut else "each curve"
    parts = [f'<svg viewBox="0 0 1200 250" role="img" aria-label="gain of {which}">']
    parts.append('<g class="axes">')
    for value in ticks:
        y = scale.y(value)
        parts.append(f'<path class="grid" d="M68 {y:.1f}H1040"/>')
        parts.append(f'<text class="y" x="60" y="{y + 4:.1f}">{write_tick(value, ticks)}</text>')
    parts += [
        f'<text class="x" x="{scale.x(value - 1):.1f}" y="242">{value:.0f}</text>'
        for value in (list_ticks(1, longest, 10) if longest > 1 else [])
    ]
    parts.append("</g>")
    last = 999.0
    order = sorted(range(len(lines)), key=lambda n: _find_last(lines[n]))
    for number in order:
        data, before = [], None
        for place, gain in enumerate(lines[number]):
            if gain is None or gain == before:
                continue
            x, y = scale.x(place), scale.y(gain)
            data.append(f"M{x:.1f} {y:.1f}" if before is None else f"H{x:.1f}V{y:.1f}")
            before = gain
        if not data:
            continue
        end = scale.x(len(lines[number]) - 1)
        parts.append(f'<path class="curve c{number}" d="{"".join(data)}H{end:.1f}"/>')
        last = min(scale.y(_find_last(lines[number])), last - 15)
        name = page.show(chosen[number]["name"], 27)
        parts.append(f'<text class="c{number}" x="{end + 8:.1f}" y="{last + 4:.1f}">{name}</text>')
    parts.append("</svg>")
    if cut:
        parts.append(f'<figcaption class="legend">Drawn are {which}; the table above has all.')
        parts.append("</figcaption>")
    return "".join(parts)


def _find_last(gains: Sequence[float | None]) -> float:
    """Return the last known gain; 0 without one."""
    return next((gain for gain in reversed(gains) if gain is not None), 0.0)


def draw_parts(parts: Sequence[Part]) -> Iterator[str]:
    """Yield a picture of a bar whose parts are as long as their seconds; nothing if these add up to
    0."""
    total = sum(part["seconds"] for part in parts)
    if not total:
        return
    yield '<svg class="bar" viewBox="0 0 1000 26" preserveAspectRatio="none" aria-hidden="true">'
    x = 0.0
    for number, part in enumerate(parts):
        width = 1000 * part["seconds"] / total
        yield f'<rect class="p{number}" x="{x:.1f}" width="{max(width - 2, 1):.1f}" height="26"/>'
        x += width
    yield "</svg>"
