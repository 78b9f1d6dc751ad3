"""The fixed evaluation: the CPU time of the candidate relative to that of the reference."""

import importlib.util
import os
import random
import sys
import time
from pathlib import Path

import reference

clock = time.process_time
draw = random.Random(2)
VALUES = [draw.randrange(1000) for _ in range(5_000)]
WIDTH = 50


def seconds(function):
    began = clock()
    function(VALUES, WIDTH)
    return clock() - began


path = Path(os.environ["OURO_CANDIDATE"], "fast.py")
spec = importlib.util.spec_from_file_location("fast", path)
fast = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fast)
if fast.window_sums(VALUES, WIDTH) != reference.window_sums(VALUES, WIDTH):
    sys.exit("the result is wrong")
turns = [(seconds(fast.window_sums), seconds(reference.window_sums)) for _ in range(100)]
mine, other = (min(times) for times in zip(*turns, strict=True))
print(f"cpu_ratio: {mine / other:.6f}")
