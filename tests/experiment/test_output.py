"""The output of the script, parsed and cleaned."""

import pytest

from pytest_ouro.experiment.terms import console_text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain text ü €", "plain text ü €"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[H\x1b[?25l\x1b[38;5;196mx", "x"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bcreset", "creset"),
        ("bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
        ("8-bit \x9b31m", "8-bit 31m"),
        ("half \x1b[", "half ["),
        ("turned \u202eback\u202c, \u200bhidden\u2066", "turned back, hidden"),
        ("one\u2028line\u2029", "oneline"),
    ],
)
def test_clean(text, clean):
    assert console_text.clean(text) == clean


def test_clean_caps_the_width():
    assert console_text.clean("x" * 500) == "x" * 199 + "…"
    assert console_text.clean("x" * 200) == "x" * 200
    assert len(console_text.clean("\x1b[31m" + "x" * 200)) == 200


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb\n", ["a", "b", ""]),
        ("a\r\nb", ["a", "b"]),
        ("step 1\rstep 2\rstep 3\nend", ["step 3", "end"]),
        ("step 1\rstep 2\r", ["step 2"]),
        ("only\r   \r", ["only"]),
    ],
)
def test_lines_are_those_that_a_terminal_shows(text, lines):
    assert console_text.lines(text) == lines


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("---\nval_bpb:          1.722615\npeak_vram_mb: 1.0\n",
         {"val_bpb": "1.722615", "peak_vram_mb": "1.0"}),
        ("val_bpb: 1\nval_bpb: 2", {"val_bpb": "2"}),
        ("step 5\rval_bpb: 3\r\n", {"val_bpb": "3"}),
        ("val_bpb: nan", {"val_bpb": "nan"}),
        (" val_bpb: 1", {}),
        ("the val_bpb: 1", {}),
        ("val_bpb: 1 or so", {}),
        ("val_bpb 1", {}),
        ("val_bpb:\t1\t", {"val_bpb": "1"}),
        ("num_params_M: 50.3", {"num_params_M": "50.3"}),
    ],
)  # fmt: skip
def test_summary(text, found):
    assert console_text.summary(text) == found


def test_a_coloured_summary_is_read_without_its_colours():
    assert console_text.summary("\x1b[1mval_bpb:\x1b[0m \x1b[32m1.5\x1b[0m") == {"val_bpb": "1.5"}


def test_tail_is_the_last_lines_that_say_something():
    text = "".join(f"line {number}\n\n  \n" for number in range(40)) + "\x1b[31mlast\x1b[0m\n"
    found = console_text.tail(text)
    assert len(found) == 20
    assert found[-2:] == ["line 39", "last"]
    assert console_text.tail("") == []
    assert console_text.tail("a\nb\nc", count=2) == ["b", "c"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step 00123 (41.0%) | loss: 4.560000 | lrm: 1.0", "step 123 loss 4.560000"),
        ("step 1 loss 9\rstep 2 loss 8", "step 2 loss 8"),
        ("step 7", "step 7"),
        (
            "step 00400 (9.8%) | loss: 3.912345 | lrm: 1.00 | dt: 312ms | tok/sec: 1,680,321 | "
            "mfu: 40.11% | epoch: 1 | remaining: 270s    ",
            "step 400 loss 3.912345 tok/s 1,680,321",
        ),
        ("tokens/s 99.5", "tok/s 99.5"),
        ("tok/sec: \x1b[31m", ""),
        ("loss: 3.5", "loss 3.5"),
        ("hello", ""),
        ("", ""),
    ],
)
def test_position(text, words):
    assert console_text.position(text) == words
