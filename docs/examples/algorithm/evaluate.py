"""The fixed evaluation: prove that the network sorts, then count its comparisons.

A network that sorts every input of zeros and ones sorts every input (the 0-1 principle). All 65536
inputs are sorted at once: bit ``n`` of a place is the value of input number ``n`` at that place.
"""

import os
import sys
from pathlib import Path

PLACES = 16
ALL = (1 << 2**PLACES) - 1

# Bit n of a place is 1 where bit number ``place`` of n is 0: each input occurs once.
places = [ALL // ((1 << 2**place) + 1) for place in range(PLACES)]
network = Path(os.environ["OURO_CANDIDATE"], "network.txt").read_text().splitlines()
for line in network:
    low, high = map(int, line.split())
    if not 0 <= low < high < PLACES:
        sys.exit(f"no comparison of two places in order: {line}")
    places[low], places[high] = places[low] & places[high], places[low] | places[high]
if any(places[n] & ~places[n + 1] for n in range(PLACES - 1)):
    sys.exit("not every input is sorted")
print(f"comparisons: {len(network)}")
