"""The fixed evaluation: simulate every visitor on the chosen page and on page A.

Both use the same random numbers, so that only the choice of pages makes a difference.
"""

import os
import random
import statistics
import sys
from pathlib import Path

from visitors import visitors


def chance(visitor, page):
    """Return the probability of a purchase: B suits mobile visitors, and deters frequent ones."""
    likes_b = 0.04 if visitor.mobile else -0.01
    deterred = 0.03 if visitor.visits > 3 else 0.0
    return 0.10 + (likes_b - deterred if page == "B" else 0.0)


draw = random.Random("luck")
chosen = Path(os.environ["OURO_CANDIDATE"], "pages.txt").read_text()
people = visitors()
if len(chosen) != len(people) or set(chosen) - set("AB"):
    sys.exit("one page, A or B, is needed for each visitor")
gains = []
for visitor, page in zip(people, chosen, strict=True):
    luck = draw.random()
    gains.append((luck < chance(visitor, page)) - (luck < chance(visitor, "A")))
print(f"share_b: {chosen.count('B') / len(chosen):.4f}")
print(f"standard_error: {statistics.stdev(gains) / len(gains) ** 0.5:.6f}")
print(f"uplift: {statistics.mean(gains):.6f}")
