"""Read a policy file: strictly, reporting all faults at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pytest_ouro.audit.policy.tables import (
    Artefact,
    Claim,
    Files,
    Number,
    Policy,
    Refused,
    Region,
    Runs,
    Significance,
    Title,
)
from pytest_ouro.core import limits
from pytest_ouro.core.errors import nearest
from pytest_ouro.core.problems import Problems
from pytest_ouro.core.schema import read_table
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.content import read_regular
from pytest_ouro.messages import bound as messages
from pytest_ouro.messages import command_line

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

#: The tables that occur once, by name; the first two are required.
ONCE: dict[str, type] = {
    "policy": Title,
    "submission": Files,
    "runs": Runs,
    "artefact": Artefact,
}
#: The tables that may occur several times.
MANY: dict[str, type] = {
    "number": Number,
    "significance": Significance,
    "region": Region,
    "refused": Refused,
    "claim": Claim,
}
_REMEDY = "fix each line that is named; docs/policies.md has the keys"


def read(path: Path) -> Policy:
    """Return the policy in a file. Raise OuroError if the file cannot be read or is too long, and
    BoundError, with its faults, if it is not a policy."""
    try:
        data = read_regular(str(path), limits.BOUND, follow=True)
    except OSError as error:
        raise command_line.no_policy(str(path), error.strerror or str(error)) from None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise messages.not_utf8(str(path), line) from None
    return parse(text, str(path))


def parse(text: str, name: str = "policy.toml") -> Policy:
    """Return the policy that a text states; raise BoundError, whose faults name the file ``name``,
    if it has faults."""
    try:
        tables = toml.loads(text)
    except ValueError as error:
        raise messages.not_toml(name, str(error)) from None
    problems = Problems(name, text)
    known = {**ONCE, **MANY}
    for key in tables.keys() - known.keys():
        problems.add((key,), f"unknown table '{key}'{nearest(key, known)}")
    for key in ("policy", "submission"):
        if key not in tables:
            problems.add((), f"lacks the table [{key}]")
    once: dict[str, Any] = {key: _read_one(cls, tables, key, problems) for key, cls in ONCE.items()}
    many = {key: _read_many(cls, tables, key, problems) for key, cls in MANY.items()}
    _check_names(many, once, problems)
    title, files = once["policy"], once["submission"]
    if problems.found or title is None or files is None:
        raise messages.faulty(problems.sorted(), _REMEDY)
    return Policy(
        title=title,
        files=files,
        runs=once["runs"],
        artefact=once["artefact"],
        numbers=many["number"],
        tests=many["significance"],
        regions=many["region"],
        refused=many["refused"],
        claims=many["claim"],
    )


def _read_one(cls: type[T], tables: dict[str, Any], key: str, problems: Problems) -> T | None:
    """Return the table [key] of the file's ``tables`` as an instance of ``cls``; None if it is
    absent or has faults, which are added to ``problems``."""
    return read_table(cls, tables[key], (key,), problems) if key in tables else None


def _read_many(cls: type[T], tables: dict[str, Any], key: str, problems: Problems) -> Any:
    """Return the tables [[key]] of the file's ``tables`` as a tuple of instances of ``cls``; () if
    there are none, or if [key] is written in place of [[key]]. That, and the faults of a table,
    which is left out, are added to ``problems``."""
    found = tables.get(key, [])
    if not isinstance(found, list):
        problems.add((key,), f"[{key}] must be written [[{key}]]")
        return ()
    read = (read_table(cls, one, (key, n), problems) for n, one in enumerate(found))
    return tuple(one for one in read if one is not None)


def _check_names(many: dict[str, Any], once: dict[str, Any], problems: Problems) -> None:
    """Add a problem for each name that two tables [[number]] have, for each name of a number in
    another table that no [[number]] has, and for tables [[number]] without [runs]. ``many`` has the
    tables of which there may be several, ``once`` the others."""
    names = [one.name for one in many["number"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.add(("number",), f"two numbers are called '{name}'")
    artefact = once["artefact"]
    used = [("significance", n, t.number) for n, t in enumerate(many["significance"])]
    used += [("claim", n, c.number) for n, c in enumerate(many["claim"])]
    used += [("artefact", 0, artefact.plus)] if artefact and artefact.plus else []
    for table, place, name in used:
        if name not in names:
            where = (table, place) if table in MANY else (table,)
            problems.add(where, f"no [[number]] is called '{name}'{nearest(name, names)}")
    if names and once["runs"] is None:
        problems.add(("number",), "a [[number]] is read from logs: state [runs]")
