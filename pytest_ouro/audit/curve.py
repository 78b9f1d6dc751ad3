"""Draw the progress of an audited loop as SVG: the claimed best beside the honest best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.audit.words import number
from pytest_ouro.report.html.scale import Scale, find_range
from pytest_ouro.report.html.text import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.audit.result import Audit, Point

WIDTH, HEIGHT = 760, 300
#: Room for the numbers at the left and right, above and below.
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 16, 34
#: The most experiments that are drawn as points, and the most steps of a line.
_POINTS, _STEPS = 800, 600


def draw(audit: Audit) -> str:
    """Return an ``<svg>`` element, whose parts have classes for the page's style, such as
    ``claimed`` and ``honest``; "" if no point has a finite best value. Values far from the kept
    ones are drawn at the edge."""
    kept = [v for p in audit.curve for v in (p.best, p.honest_best) if _is_finite(v)]
    if not kept:
        return ""
    tried = [p.value for p in audit.curve if p.value is not None and math.isfinite(p.value)]
    low, high = find_range([value for value in kept if value is not None], tried)
    edges = (_LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM)
    scale = Scale(low, high, len(audit.curve), *edges)
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="progress">',
            *_draw_axes(audit, scale),
            *_draw_points(audit, scale),
            _draw_line([p.best for p in audit.curve], scale, "claimed"),
            _draw_line([p.honest_best for p in audit.curve], scale, "honest"),
            "</svg>",
        ]
    )


def _is_finite(value: float | None) -> bool:
    """Return whether there is a value, and it is a finite number."""
    return value is not None and math.isfinite(value)


def _draw_axes(audit: Audit, scale: Scale) -> Iterator[str]:
    """Yield three horizontal lines with their values, the name of the metric, and the number of
    experiments."""
    decimals = max(0, 3 - math.floor(math.log10(scale.high - scale.low)))
    for share in (0.0, 0.5, 1.0):
        value = scale.low + (scale.high - scale.low) * share
        y = scale.y(value)
        text = f"{value:.{min(decimals, 9)}f}" if abs(value) < 1e9 else f"{value:.3g}"
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    name = show(audit.metric.name, 40) if audit.metric else "metric"
    experiments = number(scale.many, "experiment")
    yield f'<text x="{_LEFT}" y="{HEIGHT - 10}">{name}, {experiments} in the ledger\'s order</text>'


def _draw_points(audit: Audit, scale: Scale) -> Iterator[str]:
    """Yield an element for each experiment with a finite value, a cross for a void result, else a
    circle; of more than `_POINTS` that were kept, or that were not, only some."""
    verdicts = {one.row: one.verdict for one in audit.kept}
    found = [(n, p, p.value) for n, p in enumerate(audit.curve) if p.value is not None]
    shown = [it for it in found if _is_finite(it[2])]
    kept = _thin([it for it in shown if it[1].status in ("keep", "baseline")], _POINTS)
    others = _thin([it for it in shown if it[1].status not in ("keep", "baseline")], _POINTS)
    for place, point, value in sorted(kept + others, key=lambda it: it[0]):
        kind = "keep" if point.status in ("keep", "baseline") else "other"
        verdict = verdicts.get(point.row, "stands")
        kind = kind if verdict == "stands" else verdict
        x, y = scale.x(place), scale.y(value)
        if kind == "void":
            yield f'<path class="void" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"/>'
        else:
            radius = 2 if kind == "other" else 3.5
            yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def _thin(points: list[tuple[int, Point, float]], most: int) -> list[tuple[int, Point, float]]:
    """Return at most ``most`` of the points, spread over all."""
    every = -(-len(points) // most) or 1
    return points[::every]


def _draw_line(bests: Sequence[float | None], scale: Scale, kind: str) -> str:
    """Return a ``<path>`` element of the CSS class ``kind``: a line of steps through the best value
    so far (``bests``, one per experiment), from the first finite one to the right edge. If there
    are more than `_STEPS` steps, only some are drawn. Return "" if no value is finite."""
    changes: list[tuple[int, float]] = []
    for place, best in enumerate(bests):
        if best is not None and math.isfinite(best) and (not changes or changes[-1][1] != best):
            changes.append((place, best))
    if not changes:
        return ""
    every = -(-len(changes) // _STEPS)
    changes = [*changes[::every], changes[-1]]
    steps = [f"M{scale.x(changes[0][0]):.1f} {scale.y(changes[0][1]):.1f}"]
    steps += [f"H{scale.x(place):.1f}V{scale.y(best):.1f}" for place, best in changes[1:]]
    return f'<path class="{kind}" d="{"".join(steps)}H{scale.x(scale.many - 1):.1f}"/>'
