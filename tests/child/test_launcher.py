"""What the launcher hands to the harness: plain values, whatever the script passes."""

import pytest

from tests.child.conftest import HARNESS

SIZE = """\
class Size(int):
    def __mul__(self, other):
        return EVAL_TOKENS
"""
NAME = """\
class Name(str):
    asked = 0
    __hash__ = str.__hash__
    def __eq__(self, other):
        self.asked += 1
        return self.asked > 5 and str(self) == other
"""
ASKED = "next(make_dataloader(tokenizer, 4, MAX_SEQ_LEN, {}))"


def test_a_batch_size_with_its_own_multiplication_leaves_no_row_out(mini):
    plain = mini.supervised()

    sly = mini.supervised(before=SIZE, evaluate="evaluate_bpb(model, tokenizer, Size(8))")

    assert sly.value == pytest.approx(plain.value, abs=1e-9), sly.tail


@pytest.mark.parametrize("split", ["'val'", "Name('val')"])
def test_a_disguised_name_of_the_held_out_split_is_refused(mini, split):
    seen = mini.supervised(before=NAME + ASKED.format(split))

    assert seen.exception["type"] == "PermissionError", seen.tail
    assert "split" in seen.exception["text"]


def test_a_harness_may_define_its_own_type_of_split(mini):
    kind = "import enum\nclass Split(str, enum.Enum):\n    TRAIN = 'train'\n"

    seen = mini.supervised(before=ASKED.format("Split.TRAIN"), harness=HARNESS + kind)

    assert (seen.exception, seen.evaluations) == ({}, 1), seen.tail
