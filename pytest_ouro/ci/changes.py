"""List what a change does to the rules: each key of bound.toml, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.evidence import toml

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git


def compare_rules(git: Git, path: str, before: str, after: str) -> list[tuple[str, str, str]]:
    """Return the keys of the bound.toml at ``path`` whose values differ between the commits
    ``before`` and ``after``, each as a tuple of its name, its old value and its new one, "" for a
    key that one side lacks. The order is that of the old file, then, for new keys, that of the new
    file. A file that is not TOML is treated as one key, named ``path``, with the parser's message
    as its value. OuroError if a file cannot be read."""
    old, new = (_read(git, commit, path) for commit in (before, after))
    names = dict.fromkeys((*old, *new))
    found = ((name, old.get(name, ""), new.get(name, "")) for name in names)
    return [(name, was, now) for name, was, now in found if was != now]


def _read(git: Git, commit: str, path: str) -> dict[str, str]:
    """Return a dict from the dotted name of each key in the bound.toml at ``path`` of a commit to
    its value as text; {} if the commit lacks the file. If the file is not TOML, the one key is
    ``path``."""
    data = git.contents(git.tree(commit).get(path), limit=limits.BOUND, path=path)
    if data is None:
        return {}
    try:
        return _flatten("", toml.loads(data.decode()))
    except ValueError as error:
        return {path: f"not TOML: {error}"}


def _flatten(name: str, value: object) -> dict[str, str]:
    """Return a dict from dotted names, which begin with ``name``, to the values in a value of TOML,
    as Python writes them (`repr`). A table in a list of tables is called ``name::id``, or by its
    number, from 0, if it has no id."""
    if isinstance(value, dict):
        parts = value.items()
        return {
            k: v
            for key, one in parts
            for k, v in _flatten(f"{name}.{key}"[not name :], one).items()
        }
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        found: dict[str, str] = {}
        for number, one in enumerate(value):
            found |= _flatten(f"{name}::{one.get('id', number)}", one)
        return found
    return {name: repr(value)}
