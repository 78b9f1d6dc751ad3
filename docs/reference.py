"""Make the parts of the reference pages that the code states: commands and options, exit statuses,
checks and the Python interface. `generate.py` writes them into the pages."""

from __future__ import annotations

import inspect
import re
import typing
from importlib import import_module
from types import FunctionType

import pytest_ouro
from pytest_ouro import plugin
from pytest_ouro.checks import CHECKS, Check, load
from pytest_ouro.cli import COMMANDS, EXIT_STATUS, build_parser
from pytest_ouro.core.fast_dataclass import MISSING, fields

if typing.TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

#: The page that explains each command.
GUIDES = {
    "demo": "demo.md",
    "init": "init.md",
    "gate": "gate.md",
    "ci": "ci.md",
    "bless": "trust.md",
    "audit": "audit.md",
    "guard": "agents.md",
    "doctor": "doctor.md",
    "log": "watch.md",
    "show": "watch.md",
    "report": "report.md",
    "watch": "watch.md",
    "calibrate": "certify.md",
    "vault": "certify.md",
    "brief": "brief.md",
    "simulate": "selection.md",
    "finalize": "certify.md",
    "uninit": "init.md",
}
#: Public classes whose fields another page lists.
RECORDS = ("FinishedRun", "StartedRun")
_STAGES = {
    "repository": "the files of the working tree, the index and the commits",
    "ledger": "the records of all runs, and the table of results",
    "run": "one run",
    "human": "nothing: a person judges the rule",
}


def commands() -> str:
    """A section for each command of `pytest-ouro`: what it does, its usage and its options."""
    text = ""
    for name, does in COMMANDS.items():
        parser = build_parser(import_module(f"pytest_ouro.cli.{name}"), name)
        text += f"\n## `pytest-ouro {name}`\n\n{does[0].upper()}{does[1:]}"
        text += f" ([more]({GUIDES[name]})).\n\n```text\n{parser.format_usage().strip()}\n```\n\n"
        text += _table(("option", "what it does"), map(_described, parser._actions[1:]))
    return text


def _described(action: argparse.Action) -> tuple[str, str]:
    """The name and the help of an option or argument."""
    value = action.metavar or (action.choices and f"{{{','.join(map(str, action.choices))}}}")
    value = " ".join(value) if isinstance(value, tuple) else value
    names = " ".join(action.option_strings[-1:])
    if not names or action.nargs != 0:
        value = value or action.dest.upper()
        names += f" [{value}]" if names and action.nargs == "?" else f" {value}"
    return _code(names.strip()), (action.help or "") % vars(action)


class _Options:
    """Stands in for pytest's parser, and notes the options and settings of the plugin."""

    def __init__(self) -> None:
        self.options: list[tuple[str, str]] = []
        self.settings: list[tuple[str, str, str]] = []

    def getgroup(self, *_: str) -> _Options:
        return self

    def addoption(self, name: str, *, help: str, metavar: str = "", **more: object) -> None:
        choices = typing.cast("tuple[str, ...]", more.get("choices", ()))
        value = "|".join(choices) or metavar
        shown = f"[={value}]" if more.get("nargs") == "?" else f" {value}…" * bool(value)
        if more.get("nargs") != "*":
            shown = shown.rstrip("…")
        self.options.append((_code(name + shown), help))

    def addini(self, name: str, help: str, *, type: str, default: object) -> None:
        self.settings.append((_code(name), help, _code(default) if default else ""))


def pytest_options() -> str:
    """A table of the options that the plugin adds to pytest."""
    found = _Options()
    plugin.pytest_addoption(typing.cast("typing.Any", found))
    return _table(("option", "what it does"), found.options)


def pytest_settings() -> str:
    """A table of the settings that the plugin adds to pytest's configuration, and one of markers
    and fixtures."""
    found = _Options()
    plugin.pytest_addoption(typing.cast("typing.Any", found))
    return _table(("setting", "what it says"), [row[:2] for row in found.settings])


def pytest_markers() -> str:
    """A table of the markers that pytest's items have."""
    return _table(("marker", "what it marks"), [(_code(k), v) for k, v in plugin.MARKERS.items()])


def exit_statuses() -> str:
    """A table of the exit statuses of the command `pytest-ouro`."""
    return _table(("exit status", "means"), [(str(k), v) for k, v in EXIT_STATUS.items()])


def checks() -> str:
    """A table of all checks: the name, what it judges, and the first sentence of its purpose."""
    rows = []
    for name in CHECKS:
        cls = load(name)
        sentence = re.split(r"(?<=[.]) |: ", purpose(cls))[0].rstrip(".")
        rows.append((f"[`{name}`](checks/{name}.md)", _STAGES[cls.stage], sentence))
    return _table(("check", "judges", "demands"), rows)


def facts(name: str) -> str:
    """A list of what the class of a check states about it."""
    cls = load(name)
    module = name.replace("-", "_")
    place = f"{module}/" if inspect.getfile(cls).endswith("__init__.py") else f"{module}.py"
    rows = [("judges", _STAGES[cls.stage])]
    if cls.after_run:
        rows.append(("after a run", "it is judged again; a violation makes the run a crash"))
    if cls.judges_claims:
        rows.append(("runs by hand", "it also judges rows that were written by hand"))
    if cls.starts_programs:
        rows.append(("programs", "it starts programs of the repository"))
    if cls.protects is not Check.protects:
        rows.append(("guard", "`pytest-ouro guard` refuses an edit that would break it"))
    rows.append(
        ("code and tests", f"`pytest_ouro/checks/{place}`, `tests/checks/test_{module}.py`")
    )
    return "\n".join(f"- **{what}**: {words}" for what, words in rows) + "\n"


def purpose(cls: type) -> str:
    """The docstring of a class, as one paragraph."""
    return " ".join(_plain(cls.__doc__ or "").split())


def api() -> str:
    """A section for each public name of the package `pytest_ouro`."""
    text = ""
    for name in sorted(pytest_ouro.__all__, key=str.lower):
        if name == "__version__":
            text += "\n## `__version__`\n\nThe version of the installed package, a text.\n"
            continue
        text += f"\n## `{name}`\n\n"
        thing = getattr(pytest_ouro, name)
        if signature := _signature(thing):
            text += f"```text\n{name}{signature}\n```\n\n"
        text += f"{_plain(inspect.getdoc(thing) or '')}\n"
        if name in RECORDS:
            text += "\nIts fields are the keys of a line of [the journal](journal.md).\n"
        elif isinstance(thing, type) and not issubclass(thing, str):
            text += _fields(thing) + _members(thing)
    return text


def _fields(cls: type) -> str:
    """A table of the fields of a dataclass: name, type and default; "" for another class."""
    rows = []
    for field in fields(cls):
        default = "empty" if field.default is MISSING else _code(repr(field.default))
        kind = _code(cls.__annotations__[field.name])
        rows.append((_code(field.name), kind, "required" if field.required else default))
    return f"\n{_table(('field', 'type', 'default'), rows)}" if rows else ""


def _members(cls: type) -> str:
    """A table of the public methods and properties of a class that it defines itself."""
    rows = []
    for name, member in vars(cls).items():
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        is_method = isinstance(member, FunctionType)
        if is_method or isinstance(member, property) or hasattr(member, "func"):
            shown = f"{name}{_signature(member, bound=True)}" if is_method else name
            rows.append((_code(shown), " ".join(_plain(inspect.getdoc(member) or "").split())))
    return f"\n{_table(('member', 'what it is'), rows)}" if rows else ""


def _signature(thing: object, *, bound: bool = False) -> str:
    """The parameters of a function or class in brackets; those of a text are not shown."""
    if isinstance(thing, type) and (
        issubclass(thing, str) or inspect.isabstract(thing) or fields(thing)
    ):
        return ""
    try:
        found = inspect.signature(typing.cast("typing.Callable[..., object]", thing))
    except (TypeError, ValueError):
        return ""
    kept = [one for one in found.parameters.values() if not (bound and one.name == "self")]
    shown = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(found.replace(parameters=kept)))
    return re.sub(r"<[\w. ]+ object at 0x[0-9a-f]+>", "…", shown)


def _plain(text: str) -> str:
    """A docstring as Markdown: code has one backtick on each side, and ``<`` opens no tag."""
    parts = text.replace("``", "`").split("`")
    parts[::2] = (re.sub(r"<(?=\w)", "&lt;", part) for part in parts[::2])
    return "`".join(parts)


def _code(text: object) -> str:
    """Code in a cell of a table."""
    return f"`{text}`".replace("|", "\\|")


def _table(head: tuple[str, ...], rows: typing.Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; "" without rows."""
    lines: Iterator[str] = ("| " + " | ".join(map(_cell, row)) + " |" for row in rows)
    body = "\n".join(lines)
    ruler = "|---" * len(head) + "|"
    return f"| {' | '.join(head)} |\n{ruler}\n{body}\n" if body else ""


def _cell(text: str) -> str:
    """The text of a cell; a bar within it would end it."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)
