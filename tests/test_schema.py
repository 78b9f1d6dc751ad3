import re
from dataclasses import dataclass
from typing import Literal

import pytest

from pytest_ouro.core.errors import nearest
from pytest_ouro.core.fast_dataclass import dataclass as fast_dataclass
from pytest_ouro.core.problems import Problems, line_numbers
from pytest_ouro.core.schema import (
    FILLED,
    NAME,
    Limits,
    Relation,
    convert,
    option,
    read_table,
    shown,
)

TEXT = '''\
# a comment
[bound]
name = "x"

[experiment]   # a table
  script = "train.py"
"quoted"  = 1
'single'=2

[experiment . cpu]
budget = 1

[[never-do]]
id = "one"
rule = """
id = "not a key"
[not-a-table]
"""
paths = [
  "a",
]

[[never-do]]
id = "two"
rule = \'\'\'one line\'\'\'
[[iron-law]]
id = "three"
'''


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("bound",), 2),
        (("bound", "name"), 3),
        (("experiment",), 5),
        (("experiment", "script"), 6),
        (("experiment", "quoted"), 7),
        (("experiment", "single"), 8),
        (("experiment", "cpu"), 10),
        (("experiment", "cpu", "budget"), 11),
        (("never-do", 0), 13),
        (("never-do", 0, "rule"), 15),
        (("never-do", 0, "paths"), 19),
        (("never-do", 1), 23),
        (("never-do", 1, "id"), 24),
        (("iron-law", 0), 26),
        (("iron-law", 0, "id"), 27),
    ],
)
def test_lines_of_tables_and_keys(where, line):
    assert line_numbers(TEXT)[where] == line


def test_quoted_text_is_neither_a_table_nor_a_key():
    found = line_numbers(TEXT)

    assert ("not-a-table",) not in found
    assert found["never-do", 0, "id"] == 14


def test_a_text_of_a_list_has_no_line():
    text = '[[never-do]]\ncommand = [\n  "min=3", # \u2028\n  \'min=3\',\n]\n"min" = 1\r\nmax = 2\n'

    found = line_numbers(text)

    assert (found["never-do", 0, "min"], found["never-do", 0, "max"]) == (6, 7)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("scrpt", "; did you mean 'script'?"),
        ("Script", "; did you mean 'script'?"),
        ("budgets", "; did you mean 'budget'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_suggested(name, hint):
    assert nearest(name, ["script", "budget"]) == hint


def test_a_fault_has_the_line_of_the_nearest_table_or_key():
    problems = Problems("f.toml", "\n\n[a]\nkey = 1\n")
    problems.add(("a", "other"), "lacks a line of its own")
    problems.add(("a", "key"), "has a line")
    problems.add(("b",), "is nowhere")

    assert problems.sorted() == (
        "f.toml: is nowhere",
        "f.toml:3: lacks a line of its own",
        "f.toml:4: has a line",
    )


@dataclass(frozen=True, kw_only=True)
class Table:
    text: str
    long_name: float = 1.0
    count: int = 0
    flag: bool = False
    kind: Literal["one", "two"] = "one"
    paths: tuple[str, ...] = ()
    noise: float | Literal["auto"] = "auto"
    limit: float | None = None

    def __post_init__(self):
        if self.text == "bad":
            raise ValueError("'text' is bad")


def read(table):
    problems = Problems("f.toml", "[t]\n" + "; ".join(f"{key} = 0" for key in table))
    return read_table(Table, table, ("t",), problems), problems.sorted()


def test_a_table_is_read_into_its_dataclass():
    table = {"text": "x", "long-name": 2, "paths": ["a", "b"], "noise": 0.5, "limit": 3}

    found, problems = read(table)

    assert problems == ()
    assert found == Table(text="x", long_name=2.0, paths=("a", "b"), noise=0.5, limit=3.0)
    assert isinstance(found.long_name, float)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "f.toml:1: [t] lacks the key 'text'"),
        ({"text": 1}, "f.toml:2: 'text' in [t] must be text, not 1"),
        ({"text": "x", "count": 1.5}, "'count' in [t] must be a whole number, not 1.5"),
        ({"text": "x", "count": True}, "'count' in [t] must be a whole number, not true"),
        ({"text": "x", "long-name": "2"}, "'long-name' in [t] must be a finite number, not '2'"),
        ({"text": "x", "long-name": True}, "'long-name' in [t] must be a finite number, not true"),
        ({"text": "x", "long-name": float("inf")}, "must be a finite number, not inf"),
        ({"text": "x", "long-name": float("nan")}, "must be a finite number, not nan"),
        ({"text": "x", "flag": 1}, "'flag' in [t] must be true or false, not 1"),
        ({"text": "x", "kind": "tow"}, "one of 'one', 'two', not 'tow'; did you mean 'two'?"),
        ({"text": "x", "kind": ["one"]}, "must be one of 'one', 'two', not ['one']"),
        ({"text": "x", "paths": "a"}, "'paths' in [t] must be a list of text, not 'a'"),
        ({"text": "x", "paths": ["a", 1]}, "'paths' in [t] must be a list of text, not 1"),
        ({"text": "x", "noise": "low"}, "must be a finite number or 'auto', not 'low'"),
        ({"text": "x", "limit": "no"}, "'limit' in [t] must be a finite number, not 'no'"),
        ({"text": "x", "long_name": 1}, "unknown key 'long_name' in [t]; did you mean 'long-name'"),
        ({"text": "bad"}, "f.toml:1: [t]: 'text' is bad"),
    ],
)
def test_a_fault_says_what_is_expected(table, problem):
    found, problems = read(table)

    assert found is None
    assert len(problems) == 1
    assert problem in problems[0]


def test_all_faults_are_reported_at_once():
    _, problems = read({"txt": "x", "count": "many", "flag": "yes"})

    assert len(problems) == 4


def test_a_value_that_is_not_a_table_is_refused():
    problems = Problems("f.toml", "")

    assert read_table(Table, [1], ("t", 0, "cpu"), problems) is None
    assert problems.sorted() == ("f.toml: [t.cpu] must be a table",)


def test_keys_that_are_read_elsewhere_are_accepted():
    problems = Problems("f.toml", "")

    assert read_table(Table, {"text": "x", "cpu": {}}, ("t",), problems, also=("cpu",))
    assert problems.found == []


def test_a_long_value_is_shortened():
    assert len(shown("x" * 100)) == 40
    with pytest.raises(ValueError, match=r"xxx\.\.\.$"):
        convert(int, "x" * 100)


@pytest.mark.parametrize(
    ("hint", "limits", "good", "bad", "wanted"),
    [
        (float, Limits(min=0, max=2), [0, 2, 1.5], [-0.1, 2.1, 10**400], "a number from 0 to 2"),
        (float, Limits(above=0), [0.1], [0, -1], "a number above 0"),
        (float, Limits(below=3, min=1), [1, 2.9], [3, 0], "a number at least 1, below 3"),
        (int, Limits(min=1), [1, 2.0], [0, 1.5, True], "a whole number at least 1"),
        (str, Limits(pattern=NAME), ["a_b"], ["", "a b", "a:b", "a\n", "\x07"], "text, a name"),
        (str, Limits(pattern=FILLED), ["a b", "a\n"], ["", " ", "\n"], "text, not empty"),
        (float | Literal["auto"], Limits(min=0), ["auto", 0], [-1, "x"], "at least 0 or 'auto'"),
        (
            tuple[str, ...],
            Limits(items=1),
            [["a"], [""]],
            [[], "a"],
            "a list of text with at least 1 item",
        ),
        (tuple[str, ...], Limits(pattern=FILLED), [[], ["a"]], [[""]], "each not empty"),
    ],
)
def test_a_value_must_be_within_its_limits(hint, limits, good, bad, wanted):
    for value in good:
        convert(hint, value, limits)
    for value in bad:
        with pytest.raises(ValueError, match=re.escape(wanted)):
            convert(hint, value, limits)


def test_only_the_invalid_item_is_shown():
    with pytest.raises(ValueError, match=r", not ''$"):
        convert(tuple[str, ...], ["a", "b", ""], Limits(pattern=FILLED))


#: Attributes of a class itself, which a copy must not take over.
_OWN = ("__dict__", "__weakref__")


class _Pair:
    low: "int" = option("the lower end", default=0, min=0)
    high: "int" = option("the upper end", default=9, max=9)
    relations = (
        Relation(("low", "high"), "", lambda p: "" if p.low < p.high else "write a lower 'low'"),
    )


@pytest.mark.parametrize("decorator", [dataclass, fast_dataclass], ids=["standard", "ours"])
def test_limits_and_relations_hold_for_either_kind_of_dataclass(decorator):
    stated = {name: value for name, value in vars(_Pair).items() if name not in _OWN}
    pair = decorator(frozen=True)(type("Pair", (), stated))

    def read(**table):
        problems = Problems("f.toml", "[t]\nlow = 0\nhigh = 0\n")
        return read_table(pair, table, ("t",), problems), problems.sorted()

    assert read(low=1, high=2) == (pair(low=1, high=2), ())
    assert read(low=-1) == (
        None, ("f.toml:2: 'low' in [t] must be a whole number at least 0, not -1",)
    )  # fmt: skip
    assert read(low=5, high=5) == (None, ("f.toml:2: [t]: write a lower 'low'",))
    assert len(read(low=-1, high=10)[1]) == 2
