"""Fixed data: a curve with noise, and the features of a point."""

import math
import random


def rows(split, count):
    """Return ``count`` pairs ``(x, y)``; each split has its own random numbers."""
    draw = random.Random(split)
    points = [draw.uniform(-1, 1) for _ in range(count)]
    return [(x, math.sin(4 * x) + draw.gauss(0, 0.1)) for x in points]


def features(x, degree):
    """Return the Chebyshev polynomials of ``x``, up to ``degree``."""
    return [math.cos(n * math.acos(x)) for n in range(degree + 1)]


def predict(weights, inputs):
    return sum(w * x for w, x in zip(weights, inputs, strict=True))
