"""The outcome of a run: a pure function of its measurement."""

import pytest

from pytest_ouro.core.metric import Metric
from pytest_ouro.experiment.terms.measurement import Measurement, outcome
from pytest_ouro.experiment.terms.printed import Printed
from pytest_ouro.experiment.terms.read_metric import read


def seen(**changes):
    facts = {
        "program": "train.py",
        "exit_code": 0,
        "wall_seconds": 12.4,
        "value": 2.0,
        "evaluations": 1,
        "claims": {"val_bpb": "2.000000"},
    }
    facts |= changes
    printed = "".join(f"{name}: {text}\n" for name, text in facts["claims"].items())
    reading = read(printed, Printed("val_bpb", which="last"))
    return Measurement(**{"reading": reading, **facts})


def outcome_of(**changes):
    return outcome(seen(**changes), Metric.named("val_bpb"))


def raised(kind, text="", place="train.py:7"):
    return {"type": kind, "text": text, "place": place}


def test_ok_says_nothing():
    assert outcome_of() == ("ok", "")


@pytest.mark.parametrize(
    ("changes", "ended", "words"),
    [
        pytest.param({"stopped": "interrupted", "exit_code": -15}, "interrupted",
                     "interrupted by a person", id="interrupted"),
        pytest.param({"stopped": "timeout", "exit_code": -9}, "timeout",
                     "train.py was killed after 12 s, the timeout", id="timeout"),
        pytest.param({"stopped": "overrun", "exit_code": -15}, "breach",
                     "it went on beyond its budget", id="overrun"),
        pytest.param({"stopped": "overrun", "exit_code": -15, "charged_seconds": 9.0}, "breach",
                     "beyond its budget while the judge waited for its answers", id="late"),
        pytest.param({"exit_code": 3, "value": None}, "crash",
                     "train.py exited with status 3", id="exit status"),
        pytest.param({"exit_code": -9, "value": None}, "crash",
                     "train.py was killed by SIGKILL (often: the system ran out of memory)",
                     id="SIGKILL"),
        pytest.param({"exit_code": -11, "value": None}, "crash",
                     "train.py was killed by SIGSEGV", id="SIGSEGV"),
        pytest.param({"exit_code": -50, "value": None}, "crash",
                     "train.py was killed by signal 50", id="a signal without a name"),
        pytest.param({"exit_code": 1, "exception": raised("ZeroDivisionError", "by zero")}, "crash",
                     "train.py raised ZeroDivisionError: by zero at train.py:7", id="raised"),
        pytest.param({"exit_code": 1, "exception": raised("KeyError", "", "")}, "crash",
                     "train.py raised KeyError", id="raised without words"),
        pytest.param({"exit_code": 1, "exception": raised("E", "first\nsecond")}, "crash",
                     "train.py raised E: first at", id="only the first line"),
        pytest.param({"value": None, "evaluations": 0, "claims": {}}, "crash",
                     "ended without calling the evaluation: there is no val_bpb",
                     id="never evaluated"),
        pytest.param({"value": None, "evaluations": 0}, "crash",
                     "ended without calling the evaluation", id="printed but never evaluated"),
        pytest.param({"claims": {"loss": "1"}}, "crash",
                     "printed no 'val_bpb:' line (measured 2.000000)", id="printed nothing"),
        pytest.param({"claims": {"val_bpb": "nan"}}, "nan", "printed val_bpb: nan",
                     id="printed nan"),
        pytest.param({"claims": {"val_bpb": "-inf"}}, "nan", "printed val_bpb: -inf",
                     id="printed inf"),
        pytest.param({"claims": {"val_bpb": "good"}}, "nan", "printed val_bpb: good",
                     id="printed a word"),
        pytest.param({"value": float("nan")}, "nan", "val_bpb is nan", id="measured nan"),
        pytest.param({"value": float("inf")}, "nan", "val_bpb is inf", id="measured inf"),
        pytest.param({"value": float("nan"), "exit_code": 1}, "nan", "val_bpb is nan",
                     id="measured nan, then exit 1"),
        pytest.param({"value": None, "exit_code": 1, "tail": ("step 1", "FAIL")}, "nan",
                     "train.py stopped: FAIL", id="FAIL"),
        pytest.param({"claims": {"val_bpb": "1.000000"}}, "breach",
                     "train.py printed val_bpb 1.000000, but 2.000000 was measured",
                     id="printed another number"),
        pytest.param({"evaluations": 2}, "breach", "called the evaluation 2 times, not once",
                     id="evaluated twice"),
    ],
)  # fmt: skip
def test_outcome(changes, ended, words):
    found, message = outcome_of(**changes)
    assert found == ended
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        ("write", "below tempfile.gettempdir()"),
        ("read", "a person adds this to 'data'"),
        ("lock", "DataLoader(num_workers=0)"),
        ("network", "no network"),
    ],
)
def test_what_the_sandbox_refuses_is_explained_with_a_way_out(denied, words):
    exception = {**raised("PermissionError", "[Errno 13] Permission denied"), "denied": denied}
    crashed = {"exit_code": 1, "exception": exception, "value": None}

    message = outcome_of(**crashed, level="sandboxed")[1]
    assert "train.py:7 (a sandboxed run " in message
    assert words in message
    assert 'or a person sets highest = "judged" in bound.toml, and blesses it)' in message
    assert outcome_of(**crashed, level="judged")[1].endswith("at train.py:7")
    hidden = {**crashed, "exception": {**exception, "hidden": "val.bin"}}
    assert 'or set highest = "judged"' in outcome_of(**hidden, level="sandboxed")[1]
    other = {**crashed, "exception": raised("KeyError", "x")}
    assert outcome_of(**other, level="sandboxed")[1].endswith("at train.py:7")


@pytest.mark.parametrize(
    "signs",
    [
        {"exception": raised("OutOfMemoryError", "CUDA out of memory. Tried to allocate")},
        {"exception": raised("MemoryError")},
        {"exception": raised("RuntimeError"), "tail": ("RuntimeError: CUDA out of memory.",)},
        {"exit_code": -9, "tail": ("Out of memory: Killed process 7",)},
    ],
)
@pytest.mark.parametrize(("evaluations", "phase"), [(0, "training"), (1, "evaluation")])
def test_out_of_memory_is_distinguished(signs, evaluations, phase):
    facts = {"exit_code": 1, "value": None, "evaluations": evaluations, **signs}
    found, message = outcome_of(**facts)
    assert found == "oom"
    assert f"out of memory in {phase}" in message


def test_words_about_memory_alone_are_not_an_oom():
    assert outcome_of(tail=("CUDA out of memory: halving the batch",))[0] == "ok"


@pytest.mark.parametrize(
    ("claimed", "ended"),
    [
        ("2.000000", "ok"),
        ("2.0004", "breach"),
        ("2.000", "ok"),
        ("2.0000005", "breach"),
        ("2.000002", "breach"),
        ("2", "ok"),
        ("2e0", "ok"),
        ("3", "breach"),
    ],
)
def test_a_claim_agrees_to_the_digits_that_were_printed(claimed, ended):
    assert outcome_of(claims={"val_bpb": claimed})[0] == ended


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), None])
def test_nothing_agrees_with_a_value_that_is_not_finite(value):
    assert not seen(value=value, claims={"val_bpb": "1"}).agrees
    assert seen(value=1.0, claims={"val_bpb": "1"}).agrees


@pytest.mark.parametrize(
    ("claims", "value"), [({}, None), ({"val_bpb": "x"}, None), ({"val_bpb": "1.5"}, 1.5)]
)
def test_claim(claims, value):
    assert seen(claims=claims).reading.number == value


@pytest.mark.parametrize(
    "changes",
    [
        {"exit_code": 1, "exception": raised("E\x1b[2J", "\x1b]0;title\x07red \x1b[31m\x07text")},
        {"claims": {"val_bpb": "\x1b[31m1.0"}},
        {"exit_code": 1, "value": None, "exception": raised("E", "a", "\x1b[31mtrain.py:1")},
    ],
)
def test_no_escape_of_the_script_gets_into_the_message(changes):
    assert "\x1b" not in outcome_of(**changes)[1]
    assert "\x07" not in outcome_of(**changes)[1]
