"""The fixed visitors, with the facts that a policy may use."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Visitor:
    number: int
    mobile: bool
    visits: int


def visitors(count=8000):
    draw = random.Random("visitors")
    return [Visitor(n, draw.random() < 0.6, int(draw.expovariate(0.5))) for n in range(count)]
