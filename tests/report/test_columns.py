"""Tables fit the terminal and their values, whatever the values are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.report.runs.columns import Column, cut, lay_out, width_of


def table(width, *descriptions):
    count = len(descriptions)
    columns = [
        Column("time", ("2026-11-30T19:05:34",) * count, short=("11-30 19:05",) * count),
        Column("gain", ("+0.01", "-1.5", "")[:count], is_number=True),
        Column("level", ("sandboxed",) * count, rank=2),
        Column("reason", ("within-noise",) * count, rank=1),
        Column("description", descriptions),
    ]
    return lay_out(columns, width)


def test_a_pipe_gets_everything():
    lines, missing = table(None, "x" * 500, "y")

    assert missing == []
    assert lines[1].endswith("x" * 500)
    assert lines[0] == "time                  gain  level      reason        description"
    assert lines[2] == "2026-11-30T19:05:34   -1.5  sandboxed  within-noise  y"


@pytest.mark.parametrize(
    ("width", "missing"),
    [(200, []), (60, []), (50, ["level"]), (38, ["level", "reason"]), (4, ["level", "reason"])],
)
def test_columns_are_left_out_by_rank_where_there_is_no_room(width, missing):
    lines, left_out = table(width, "a long description of what was tried", "y", "z")

    assert left_out == missing
    assert max(map(len, lines)) <= width
    assert ("2026" in lines[1]) == (width == 200)


def test_a_column_with_short_cells_keeps_its_rank_and_its_side():
    columns = [
        Column("n", ("12345", "6"), short=("12", "6"), rank=1, is_number=True),
        Column("text", ("some words", "y")),
    ]

    assert lay_out(columns, 15) == ([" n  text", "12  some words", " 6  y"], [])
    assert lay_out(columns, 12)[1] == ["n"]


def test_the_description_takes_what_is_left():
    lines, _ = table(72, "a long description of what was tried", "y", "z")

    assert len(lines[1]) == 72
    assert lines[1].endswith("…")


def test_wide_and_combining_characters_keep_the_alignment():
    columns = [Column("name", ("模型", "e\u0301", "plain")), Column("next", ("1", "2", "3"))]

    lines, _ = lay_out(columns, 80)

    assert [width_of(line) for line in lines[1:]] == [8, 8, 8]
    assert width_of("模型") == 4
    assert width_of("e\u0301") == 1
    assert cut("模型模型", 4) == "模…"


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\rb", "a\u202eb", "a\nb", "a\tb", "a##[error]b"])
def test_control_characters_are_escaped_and_keep_the_alignment(text):
    columns = [Column("name", (text, "plain")), Column("next", ("ONE", "TWO"))]

    lines, _ = lay_out(columns, None)

    assert all(line.isprintable() for line in lines)
    assert lines[1].index("ONE") == lines[2].index("TWO")
    assert "##[" not in lines[1]


@given(st.text(max_size=60), st.text(max_size=200), st.integers(20, 200))
def test_no_line_is_longer_than_the_terminal(name, text, width):
    columns = [Column("name", (name, "x"), rank=1), Column("text", (text, "y"))]

    lines, _ = lay_out(columns, width)

    assert len(lines) == 3
    assert all(width_of(line) <= width and line.isprintable() for line in lines)
