"""Place labels beside points, so that none covers another label or a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The width of a letter and the height of a line, in units of the drawing.
LETTER, LINE = 6.4, 14.0
#: The distance of a label from its point, and how far down labels are tried.
_NEAR, _STEPS = 8.0, 16


class Wanted(NamedTuple):
    """A label that is wanted: the place of its point in units of the drawing (``y`` grows
    downward), its text, and its ``weight``: labels of most weight are placed first."""

    x: float
    y: float
    text: str
    weight: float


class Placed(NamedTuple):
    """A label and where it is placed, in units of the drawing: its point, the end (``anchor``
    "end") or the start (``anchor`` "start") of its text on the base line, and the text."""

    x: float
    y: float
    text_x: float
    text_y: float
    anchor: str
    text: str


class _Box(NamedTuple):
    """A rectangle, in units of the drawing; ``top`` is the smaller y."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        """Return whether two rectangles overlap; False if they only touch."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def place_labels(
    wanted: Sequence[Wanted],
    points: Sequence[tuple[float, float]],
    lines: Sequence[tuple[float, float, float, float]],
    area: tuple[float, float, float, float],
    *,
    down: bool,
) -> list[Placed]:
    """Return the labels for which there is room, those of most weight first, within the ``area``
    (left, top, right, bottom). None covers another label, one of the ``points``, or one of the
    level or upright ``lines`` (from x, y to x, y). A label is tried below its point first if
    ``down``, where the best values are at the bottom; else above it."""
    edge = _Box(*area)
    boxes = [_Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    boxes += [_Box(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in lines]
    found: list[Placed] = []
    for one in sorted(wanted, key=lambda label: -label.weight):
        for label in _list_places(one, down=down):
            box = _measure_box(label)
            inside = box.left >= edge.left and box.right <= edge.right
            if not inside or box.top < edge.top or box.bottom > edge.bottom:
                continue
            if not any(box.meets(other) for other in boxes):
                found.append(label)
                boxes += [box, *_measure_leader(label)]
                break
    return found


def _list_places(one: Wanted, *, down: bool) -> list[Placed]:
    """Return the places that a label may have, the best first: on the free side of its point (below
    it if ``down``, else above it) and away from it step by step, then on the other side; at each
    step first to the left of the point, then to the right."""
    found = []
    for side in (1, -1) if down else (-1, 1):
        for step in range(_STEPS if side == (1 if down else -1) else 3):
            text_y = one.y + side * (_NEAR + 6 + step * LINE) + (0 if side > 0 else 6)
            for anchor, shift in (("end", -_NEAR), ("start", _NEAR)):
                found.append(Placed(one.x, one.y, one.x + shift, text_y, anchor, one.text))
    return found


def measure(text: str) -> float:
    """Return about how wide a text is, in units of the drawing; letters of East Asian scripts are
    twice as wide."""
    return LETTER * sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)


def _measure_box(label: Placed) -> _Box:
    """Return the rectangle that a label takes."""
    width = measure(label.text)
    left = label.text_x - width if label.anchor == "end" else label.text_x
    return _Box(left - 3, label.text_y - LINE + 3, left + width + 3, label.text_y + 3)


def _measure_leader(label: Placed) -> list[_Box]:
    """Return the rectangle, as the only one of a list, that the line from a point to its label
    takes; [] for a label so near that it has no line."""
    if abs(label.text_y - label.y) < LINE + _NEAR:
        return []
    ends = sorted((label.y, label.text_y - 4))
    return [_Box(label.x - 2, ends[0] + 6, label.x + 2, ends[1] - 6)]
