"""The metric is read from what a program printed, in any form in which people print numbers."""

import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_ouro.experiment.terms.printed import Printed
from pytest_ouro.experiment.terms.read_metric import read

SCORE = Printed("score")
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FORMS = ("{}", "{:.6f}", "{:e}", "{:g}", "{:+.3f}", "{:,}", "{:,.2f}", "{:.0f}", "{:15.4f}")
LINES = ("{}: {}", "{}={}", "{} = {}", "{}:{}", "{} :\t{}", '"{}": {},', "'{}': '{}'", "{}: {}.")


def number(output, printed=SCORE):
    return read(output, printed).number


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("score:          1.722615", 1.722615),
        ("SCORE:1.2e+01", 12.0),
        ("Score = 8.6", 8.6),
        ("score: 5,120", 5120.0),
        ("score: 1,234,567.5", 1234567.5),
        ("score: \u22120.4", -0.4),
        ("score: .5", 0.5),
        ("\x1b[1mscore:\x1b[0m \x1b[32m1.5\x1b[0m", 1.5),
        ("[rank0] score: 1.5", 1.5),
        ("[rank0]: score: 1.5", 1.5),
        ("2026-01-01 12:00:00,123 - __main__ - INFO - score: 1.5", 1.5),
        ("2026-01-01 12:00:00 INFO score: 1.5", 1.5),
        ("INFO:root:score: 1.5", 1.5),
        ("METRIC score=1.5", 1.5),
        ("Final score: 1.5", 1.5),
        ("100%|###| 10/10 [00:01<00:00, 9.9it/s]\rscore: 1.5", 1.5),
        ("100%|###| 10/10 [00:01<00:00, 9.9it/s, score=1.5]", 1.5),
        ("step 100 | loss: 3 | score: 1.5 | lr: 2", 1.5),
        ("{'loss': 3, 'score': 1.5}", 1.5),
        ("score: 1.5 (best 1.4)", 1.5),
        ("score: 1.5 ± 0.1", 1.5),
        ("**score: 1.5**", 1.5),
        ("**score**: 1.5", 1.5),
        ("**score:** 1.5", 1.5),
        ("score: **1.5**", 1.5),
        ("- __score__: `1.5`", 1.5),
        ("score: 2\nscore: 1.5\nscore: 1.50", None),
        ("score: 1.5\nscore: 1.50", 1.5),
        ("score: 1.5\nbest score: 1.4", 1.5),
        ("score: 1.5\n[rank1] score: 1.6", 1.5),
    ],
)
def test_lines_that_are_read(line, value):
    assert number(line) == value


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "no 'score:' line"),
        ("score 1.5", "no 'score:' line; the nearest is 'score 1.5'"),
        ("val_score: 1.5", "no 'score:' line; the nearest is 'val_score: 1.5'"),
        ("val/score: 1.5", "the nearest is 'val/score: 1.5'"),
        ("best score: 1.5", "best score: 1.5, where a word stands before the name"),
        ("score: N/A", "score: N/A, which is not a number"),
        ("score: 1.5 or so", "score: 1.5 or so, which is not a number alone"),
        ("score: 1,5", "score: 1,5, which is not a number"),
        ("score: 0,512", "score: 0,512, which is not a number"),
        ("score: 1.234,5", "which is not a number"),
        ("score: 1_000", "which is not a number"),
        ("score: 0x1F", "which is not a number"),
        ("score: 12:30", "which is not a number"),
        ("score: [1.5, 2]", "which is not a number"),
        ("score: tensor(1.5)", "score: tensor(1.5), which is not a number"),
        ("score: 1.5\nscore: later", "score: later, which is not a number"),
        ("score: 75.230 ms", 'with a unit that bound.toml does not name (unit = "ms"'),
        ("score: 5%", 'unit = "%"'),
        ("score: 5!", "score: 5!, which is not a number alone"),
        ("score: 5 * 2", "which is not a number alone"),
        ("score: 5**2", "which is not a number alone"),
        ("score: 2\nscore: 1.5", "score 2 and then 1.5: 'metric-which' in bound.toml says which"),
    ],
)
def test_lines_that_are_not_read_are_named(line, words):
    reading = read(line, SCORE)
    assert reading.number is None
    assert words in reading.fault


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e999"])
def test_what_is_not_finite_has_no_value(text):
    reading = read(f"score: {text}", SCORE)
    assert not math.isfinite(reading.value)
    assert (reading.number, reading.fault) == (None, "")


@pytest.mark.parametrize(
    "line", ["score: 75.2 ms", "score: 75.2ms", "score=75.2 MS", "score: 75.2"]
)
def test_the_unit_of_the_bound_may_follow(line):
    assert number(line, Printed("score", "ms")) == 75.2


def test_another_unit_is_refused():
    reading = read("score: 0.0752 s", Printed("score", "ms"))
    assert reading.fault == "score: 0.0752 s, in the unit 's', not 'ms' as in bound.toml"


@pytest.mark.parametrize(("which", "value"), [("last", 2), ("first", 3), ("min", 1), ("max", 4)])
def test_the_bound_says_which_of_several_counts(which, value):
    assert number("score: 3\nscore: 1\nscore: 4\nscore: 2", Printed("score", which=which)) == value


def test_of_several_the_one_that_is_not_a_number_counts():
    assert number("score: 3\nscore: nan", Printed("score", which="max")) is None


@given(
    value=NUMBERS,
    form=st.sampled_from(FORMS),
    line=st.sampled_from(LINES),
    name=st.sampled_from(["score", "tokens/s", "top-1", "acc%", "f1@10", "(a|b)*"]),
)
def test_any_printed_number_is_read_back(value, form, line, name):
    text = form.format(value)
    output = f"loading\n{line.format(name, text)}\ndone\n"
    assert number(output, Printed(name)) == float(text.replace(",", ""))


@given(output=st.binary() | st.text("score:= \r\n\x1b[0;1m{\"'e+-.,5", max_size=80).map(str.encode))
def test_any_bytes_are_read(output):
    text = output.decode(errors="replace")
    for source in ("line", "json:a.0"):
        reading = read(text, Printed("score", source=source))
        assert (reading.value is None) == bool(reading.fault)


@pytest.mark.parametrize(
    ("output", "path", "value"),
    [
        ('{"score": 1.5}', "score", 1.5),
        ('start\n{\n  "a": {"b": [1, {"c": "2.5"}]}\n}\nend', "a.b.1.c", 2.5),
        ('{"epoch": 1}\n{"score": 1e-6}\n{"epoch": 2}', "score", 1e-6),
        ("[1, 2.5]", "1", 2.5),
        ('\ufeff{"score": 1.5}', "score", 1.5),
        ('start\n \ufeff {"score": 1.5}\nend', "score", 1.5),
        ("[rank0] hello\n[1\n{\n" + '{"score": 3}', "score", 3.0),
        ('{"score": 1} and more', "score", 1.0),
    ],
)
def test_json_is_read(output, path, value):
    assert number(output, Printed("m", source=f"json:{path}")) == value


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("score: 5", "no JSON at the start of a line"),
        ('{"a": 1, "b": 2}', "no JSON with 'score'; the last has a, b"),
        ('{"score": true}', "score: true, which is not a number"),
        ('{"score": {"mean": 1}}', 'score: {"mean": 1}, which is not a number'),
        ('{"score": "1.5 ms"}', "unit"),
        ('{"score": 1}\n{"score": 2}', "1 and then 2"),
        ("[" * 100_000, "no JSON"),
        ('[\n"' * 100_000, "no JSON"),
    ],
)
def test_json_without_the_number_is_named(output, words):
    assert words in read(output, Printed("m", source="json:score")).fault


@given(value=NUMBERS)
def test_any_number_in_json_is_read_back(value):
    assume(math.isfinite(value))
    output = json.dumps({"a": [value]}, indent=2)
    assert number(output, Printed("m", source="json:a.0")) == value


def test_a_pattern_of_the_bound_is_searched():
    output = "loss after 10 epochs\t0.25\nloss after 20 epochs\t0.125\n"
    source = r"regex:^loss after \d+ epochs\s+(\S+)"
    assert number(output, Printed("loss", which="last", source=source)) == 0.125
    assert "0.25 and then 0.125" in read(output, Printed("loss", source=source)).fault
    assert "nothing that '(x)' matches" in read(output, Printed("loss", source="regex:(x)")).fault


@pytest.mark.tier(2)
def test_a_pattern_that_never_ends_is_ended():
    reading = read("a" * 60, Printed("loss", source=r"regex:((?:a+)+b)"))
    assert "could not search within 5 s" in reading.fault
