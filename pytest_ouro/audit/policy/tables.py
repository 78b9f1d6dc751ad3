"""The tables of a policy file: their keys, types and limits define its format."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.schema import FILLED, NAME, Relation, option

#: Stands in a path of a policy for the folder of the record.
FOLDER = "{folder}"
_WAIVED = "for what the rule waives it, which a person judges: then it only warns"


def _pattern_fault(*patterns: str) -> str:
    """Return, as a sentence, what is wrong with the first of ``patterns`` that is not a regular
    expression; "" if all are regular expressions. Nothing is raised."""
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            return f"'{pattern[:60]}' is not a regular expression: {error}"
    return ""


def _groups_fault(pattern: str) -> str:
    """Return, as a sentence, what is wrong with the pattern of a number: it is not a regular
    expression, or it has no capturing group, which must match the number. Return "" if neither is
    the case."""
    if fault := _pattern_fault(pattern):
        return fault
    return "" if re.compile(pattern).groups else "'pattern' must have a group with the number"


@dataclass(frozen=True, kw_only=True)
class Title:
    """The table [policy] of a policy file: which leaderboard's rule the file states."""

    name: str = option("the name of the leaderboard and its track", pattern=FILLED)
    rules: str = option("where the rule is published", default="")
    as_of: str = option("the day of the text that the policy states, as in 2026-08-01", default="")


@dataclass(frozen=True, kw_only=True)
class Files:
    """The table [submission]: where the record of a submission lies, the files that it must have,
    and what else a pull request may change."""

    folder: str = option(
        "a glob of the folder of a record, from the repository's top; `**` is not allowed",
        pattern=FILLED,
    )
    required: tuple[str, ...] = option(
        "globs in that folder; each must match a file", default=(), pattern=FILLED
    )
    allowed: tuple[str, ...] = option(
        "globs of other files that a pull request may change, from the top",
        default=(),
        pattern=FILLED,
    )
    only_adds: bool = option("a pull request may only add files", default=False)
    relations: ClassVar = (
        Relation(
            ("folder",),
            "`folder` has no `**`",
            lambda table: "'folder' must not have **" if "**" in table.folder else "",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The table [runs]: the logs of a record, one for each run, how many are demanded, and what
    they must share."""

    logs: tuple[str, ...] = option("globs of the logs in the folder", items=1, pattern=FILLED)
    exclude: tuple[str, ...] = option(
        "globs of those that are of something else, such as the record before",
        default=(),
        pattern=FILLED,
    )
    at_least: int = option("the number of runs that the rule demands", default=1, min=1)
    source_ends: str = option(
        "a pattern: the log begins with its source code, up to the first such line", default=""
    )
    script: str = option(
        "a path: the source code in each log must contain this file; `{folder}/` begins one in "
        "the record",
        default="",
    )
    may_differ: tuple[str, ...] = option(
        "patterns of lines of the source code that may differ between runs, as that of the seed",
        default=(),
        pattern=FILLED,
    )
    same: tuple[str, ...] = option(
        "patterns: what they match must be the same in all logs, as the name of the device",
        default=(),
        pattern=FILLED,
    )
    progress: str = option(
        "a pattern of lines with times: two runs with all of them equal are one run", default=""
    )
    relations: ClassVar = (
        Relation(
            ("source-ends", "may-differ", "same", "progress"),
            "the patterns are regular expressions",
            lambda t: _pattern_fault(t.source_ends, *t.may_differ, *t.same, t.progress),
        ),
        Relation(
            ("script", "source-ends"),
            "`script` needs `source-ends`",
            lambda t: "'script' needs 'source-ends'" if t.script and not t.source_ends else "",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Number:
    """A table [[number]]: a number that is read from each log, and what the rule demands of it."""

    name: str = option("its name", pattern=NAME)
    pattern: str = option(
        "a pattern of its line; the group `value`, or else the first, is the number"
    )
    scale: float = option("what it is multiplied by", default=1.0, above=0)
    at_most: float | None = option("the most that the rule allows", default=None)
    at_least: float | None = option("the least that the rule allows", default=None)
    of: Literal["each", "mean"] = option("what the limits are about", default="each")
    same: bool = option("it must be the same in all logs", default=False)
    last: bool = option("a log states several, of which the last counts", default=False)
    optional: bool = option("a log of a run that ended may lack it", default=False)
    waived: str = option(_WAIVED, default="")
    relations: ClassVar = (
        Relation(
            ("pattern",),
            "`pattern` is a regular expression with a group",
            lambda table: _groups_fault(table.pattern),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Significance:
    """A table [[significance]]: a statistical test of a number of the runs against a threshold. A
    submission whose runs do not pass it gets a finding."""

    number: str = option("the name of the number", pattern=FILLED)
    test: Literal["t", "mean", "each"] = option(
        "`t`: by a one-sided t-test the mean is beyond the threshold; `mean`: the mean is; "
        "`each`: every run is",
        default="t",
    )
    below: float | None = option("the threshold, if less is better", default=None)
    above: float | None = option("the threshold, if more is better", default=None)
    best_file: str = option(
        "instead of a threshold: a glob of JSON files of the records so far, whose best counts",
        default="",
    )
    best_key: str = option("the key of the value in these files, as in `a.b`", default="")
    best_is: Literal["lowest", "highest"] = option("which is the best", default="lowest")
    margin: float = option("by how much the threshold must be passed", default=0.0, min=0)
    p: float = option("the level of the t-test", default=0.01, above=0, below=0.5)
    waived: str = option(_WAIVED, default="")
    relations: ClassVar = (
        Relation(
            ("below", "above", "best-file"),
            "one of `below`, `above` and `best-file`",
            lambda t: (
                ""
                if (t.below is not None) + (t.above is not None) + bool(t.best_file) == 1
                else "state one of 'below', 'above' and 'best-file'"
            ),
        ),
        Relation(
            ("best-file", "best-key"),
            "`best-file` and `best-key` need each other",
            lambda t: (
                ""
                if bool(t.best_file) == bool(t.best_key)
                else "'best-file' and 'best-key' need each other"
            ),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Region:
    """A table [[region]]: a part of a file whose changes from the base of a pull request are shown,
    and in which lines may be fixed."""

    name: str = option("what it is, as in `timed`", pattern=FILLED)
    file: str = option("the path of the file; `{folder}/` begins one in the record", pattern=FILLED)
    base: str = option("the path in the base, if it is another", default="")
    begin: str = option("a pattern of the first line; exactly one line matches", pattern=FILLED)
    end: str = option("a pattern of the line after the last; empty is the end", default="")
    fixed: tuple[str, ...] = option(
        "patterns of lines in it that must stay as they are, in this order, as those of the clock",
        default=(),
        pattern=FILLED,
    )
    relations: ClassVar = (
        Relation(
            ("begin", "end", "fixed"),
            "the patterns are regular expressions",
            lambda t: _pattern_fault(t.begin, t.end, *t.fixed),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A table [[refused]]: a pattern of lines that a pull request must not add to some files."""

    why: str = option("what the rule says", pattern=FILLED)
    files: tuple[str, ...] = option("globs of the files, from the top", items=1, pattern=FILLED)
    pattern: str = option("a pattern of the lines", pattern=FILLED)
    relations: ClassVar = (
        Relation(
            ("pattern",),
            "`pattern` is a regular expression",
            lambda table: _pattern_fault(table.pattern),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """The table [artefact]: how many bytes the submitted artefact may have, and which files, and
    which number in the logs, count."""

    at_most: int = option("the most bytes", above=0)
    files: tuple[str, ...] = option(
        "globs in the folder of files that count", default=(), pattern=FILLED
    )
    plus: str = option("the name of a number of bytes in each log that counts too", default="")
    waived: str = option(_WAIVED, default="")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A table [[claim]]: a number that a JSON file of the record states, and the number in the logs
    with which it must agree."""

    file: str = option("its path in the folder", pattern=FILLED)
    key: str = option("its key, as in `a.b`", pattern=FILLED)
    number: str = option("the name of the number in the logs", pattern=FILLED)
    of: Literal["mean", "any"] = option(
        "what it is of the logs: their mean, or that or the value of any of them", default="mean"
    )
    tolerance: float = option("by how much it may differ", default=0.0, min=0)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy file: the rule of a leaderboard, by which its submissions are judged. Each field has
    one table, or all tables of one kind; None or () if the file has none."""

    title: Title
    files: Files
    runs: Runs | None = None
    numbers: tuple[Number, ...] = ()
    tests: tuple[Significance, ...] = ()
    regions: tuple[Region, ...] = ()
    refused: tuple[Refused, ...] = ()
    artefact: Artefact | None = None
    claims: tuple[Claim, ...] = ()
