"""Render a bound.toml: aligned, with comments, in the order in which a person reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import Experiment
from pytest_ouro.core.schema import keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.onboarding import Statement, Value

#: The keys of [experiment] in their order, each with its comment.
_KEYS = {
    "root": "the paths below are relative to it",
    "script": "",
    "command": "what is run, and prints the metric",
    "evaluate-command": "prints the metric; OURO_CANDIDATE is the folder to measure",
    "python": "the environment that the lock file describes",
    "editable": "all that an experiment may change",
    "allowed": "what a run may leave, never committed",
    "publish": "what a report commit may put into git",
    "harness": "",
    "evaluate": "",
    "loader": "its first training batch starts the clock",
    "metric": "",
    "metric-from": "where it is printed",
    "metric-which": "of several values the last counts",
    "unit": "",
    "plausible": "any other value is a breach",
    "direction": "is better",
    "budget": "seconds of training",
    "clock": "",
    "tolerance": 'seconds either side that still count as "exactly"',
    "timeout": "seconds for the whole run",
    "warmup-tokens": "served before the clock starts: the untimed first steps",
    "warmup-seconds": "the clock starts at the latest then: compilation",
    "device": "",
    "level": "the least assurance at which a run may be kept",
    "highest": "a sandboxed run has no network",
    "ledger": "",
    "data": "",
    "validation": "hidden from the script in a sandbox",
}
#: Keys that are written even if they have their defaults.
_ALWAYS = (
    *("allowed", "metric", "direction", "clock", "tolerance", "timeout"),
    *("device", "level", "ledger"),
)
_TITLES = {"danger-zone": "danger zones", "never-do": "never do", "iron-law": "iron laws"}
_WIDTH = 98
_COMMENT = 36
_HEAD = """\
# The rules of this experiment, and how it is run.
# A person changes them, then declares the change the truth: pytest-ouro bless

[bound]
name = {name}

[experiment]
{experiment}

[verdict]
noise  = "auto"                     # from repeats of one commit
margin = 0                          # standard errors by which a keep must be better; 0: any gain
"""


def text(name: str, experiment: Experiment, statements: Sequence[Statement]) -> str:
    """Return the text of a whole bound.toml for the experiment called ``name``; the table [verdict]
    is always the same."""
    parts = [_HEAD.format(name=value(name), experiment=_experiment(experiment))]
    for section, title in _TITLES.items():
        own = [statement for statement in statements if statement.section == section]
        if own:
            parts.append(f"# --- {title} {'-' * (93 - len(title))}\n")
        parts += [_rule(statement) for statement in own]
    return "\n".join(parts)


def value(given: Value | tuple[str, ...]) -> str:
    r"""Return a finite value as TOML, which is the same as JSON except for the control character
    DEL, written as ``\u007f`` here. A whole float loses its fraction, unless it is in a list."""
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")


def inline_table(params: Mapping[str, Value]) -> str:
    """Return parameters as ``{paths = ["prepare.py"], history = true}``; "" if there are none."""
    pairs = ", ".join(f"{key} = {value(given)}" for key, given in params.items())
    return f"{{{pairs}}}" if pairs else ""


def _experiment(experiment: Experiment) -> str:
    """Return the lines of [experiment] as one text. A key is written if it is required, if it is in
    _ALWAYS, or if its value is not the default; but ``tolerance`` is not written for a command."""
    fields = keys_of(Experiment)
    rows = {}
    for key in _KEYS:
        given = getattr(experiment, fields[key].name)
        required = fields[key].required
        if key == "tolerance" and experiment.command:
            continue
        if required or key in _ALWAYS or given != fields[key].default:
            rows[key] = given
    width = max(map(len, rows))
    return "\n".join(_row(key.ljust(width), given, _KEYS[key]) for key, given in rows.items())


def _row(key: str, given: Value | tuple[str, ...], comment: str) -> str:
    """Return one key with its value, and its comment if that is not ""; a list that is too long
    gets a line for each item, and no comment."""
    line = f"{key} = {value(given)}"
    if len(line) > _WIDTH and isinstance(given, list | tuple):
        return "\n".join([f"{key} = [", *(f"  {value(item)}," for item in given), "]"])
    return f"{line.ljust(_COMMENT - 1)} # {comment}" if comment else line


def _rule(statement: Statement) -> str:
    """Return the lines of the table of one rule as one text; severity and reason are in it only if
    they are not the defaults."""
    rows: dict[str, Value] = {
        "id": statement.id,
        "rule": statement.words,
        "check": statement.check,
        **statement.params,
    }
    if statement.severity != "error":
        rows["severity"] = statement.severity
    if statement.reason:
        rows["reason"] = statement.reason
    width = max(map(len, rows))
    lines = [f"{key.ljust(width)} = {value(given)}" for key, given in rows.items()]
    return "\n".join([f"[[{statement.section}]]", *lines, ""])
