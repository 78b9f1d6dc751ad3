"""``evaluation`` follows what code means: other spellings of a cheat, and honest work like one.

Each file in ``edits`` is a train.py as one edit left it; it is read and never run.
"""

from pathlib import Path

import pytest

from pytest_ouro.checks.evaluation.bindings import names_taken
from pytest_ouro.checks.evaluation.tampering import Tampering

EDITS = Path(__file__).with_name("edits")
#: What the trusted script takes from the harness.
TRUSTED = "from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader\n"


def edits(kind):
    return sorted((EDITS / kind).glob("*.py"))


def constructs(path):
    """Whether each construct of the file breaks the rule, by its description."""
    names = ("evaluate_bpb", "make_dataloader")
    taken = names_taken(TRUSTED, "prepare", names)
    script = Tampering(path.read_text(), "prepare", *names, "val_bpb", taken)
    return {construct.what: construct.hard for construct in script.constructs}


@pytest.mark.parametrize("path", edits("honest"), ids=lambda path: path.stem)
def test_honest_code_that_looks_like_tampering_is_lawful(path):
    assert [what for what, breaks in constructs(path).items() if breaks] == []


@pytest.mark.parametrize("path", edits("found"), ids=lambda path: path.stem)
def test_another_spelling_is_found(path):
    assert any(constructs(path).values())


@pytest.mark.parametrize("path", edits("noted"), ids=lambda path: path.stem)
def test_what_has_honest_uses_only_warns(path):
    assert list(constructs(path).values()) == [False]
