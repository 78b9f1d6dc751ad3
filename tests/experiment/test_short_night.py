"""A whole night on the toy experiment by documented commands, from calibration to the branch."""

import pytest

from tests.short_night import ShortNight

#: Each setting has draws of its own, which the salt changes.
SCRIPT = """\
import random

from prepare import evaluate_bpb

rate = 2.0



loss = rate - abs(-0.004)



random.seed(round(1000 * loss))
val_bpb = evaluate_bpb(loss + 0.001 * random.random())
print(f"val_bpb: {val_bpb:.6f}")
"""


@pytest.mark.tier(2)
def test_a_short_night(lab):
    lab.bound(("noise = 0.01", "noise = 0.01\nplacebo = 0.5"))
    lab.commit(SCRIPT, "the experiment as it is")
    night = ShortNight(
        lab.path,
        "train.py",
        better=("rate = 2.0", "rate = 1.5"),
        worse=("rate = 1.5", "rate = 2.{0}"),
        simpler=("rate - abs(-0.004)", "rate"),
    )
    night.play()
    night.recompute()
    night.demand_refusal()
