"""Write what the docs state from the code: tables of options, commands and checks, exit statuses,
the Python interface, the fields of records, the reasons of verdicts, the errors, the tables of
attacks and the JSON Schema of bound.toml; and an example from the demo's experiment.

python docs/generate.py            write
python docs/generate.py --check    exit 1 and name the files that are out of date
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
import typing
from pathlib import Path

import reference

from pytest_ouro import messages
from pytest_ouro.audit.policy.read import MANY, ONCE
from pytest_ouro.bound.guards import Guard
from pytest_ouro.bound.json_schema import schema
from pytest_ouro.bound.night import Night
from pytest_ouro.bound.tables import PER_DEVICE, Experiment, RuleKeys, Title, VerdictRule
from pytest_ouro.checks import CHECKS, load
from pytest_ouro.core.schema import NO_LIMITS, keys_of, members
from pytest_ouro.evidence.records import kinds
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
from pytest_ouro.evidence.records.statement import Statement

if typing.TYPE_CHECKING:
    from pytest_ouro.core.fast_dataclass import Field
    from pytest_ouro.core.schema import Limits

DOCS = Path(__file__).parent
DEMO = DOCS.parent / "pytest_ouro/cli/demo/experiment"
TABLES = {
    "bound": Title,
    "experiment": Experiment,
    "verdict": VerdictRule,
    "night": Night,
    "guard": Guard,
    "rule": RuleKeys,
    **{f"policy.{name}": cls for name, cls in (ONCE | MANY).items()},
}
BLOCK = re.compile(
    r"(<!-- (options|purpose|relations|keys|table|record|reasons|errors|facts|reference): (\S+)"
    r" -->\n).*?(<!-- end -->)",
    re.DOTALL,
)
PAGES = (
    *("bound.md", "rules.md", "threat-model.md", "attacks.md", "verdicts.md", "journal.md"),
    *("messages.md", "policies.md", "command-line.md", "pytest-options.md", "exit-codes.md"),
    *("api.md", *(f"checks/{name}.md" for name in CHECKS)),
)
#: What makes each block of `reference`.
REFERENCE = {
    "commands": reference.commands,
    "pytest-options": reference.pytest_options,
    "pytest-settings": reference.pytest_settings,
    "pytest-markers": reference.pytest_markers,
    "exit-statuses": reference.exit_statuses,
    "checks": reference.checks,
    "api": reference.api,
}


def options(cls: type) -> str:
    """A Markdown table of a dataclass's keys."""
    fields = keys_of(cls)
    if not fields:
        return "No parameters.\n"
    hints = typing.get_type_hints(cls)
    rows = ["| key | what it says | range | default |", "|---|---|---|---|"]
    for key, field in fields.items():
        values = span(hints[field.name], field.limits or NO_LIMITS)
        rows.append(f"| `{key}` | {field.help} | {values} | {default(field)} |")
    return "\n".join(rows) + "\n"


def span(hint: object, limits: Limits) -> str:
    """The values that an option takes, beyond its type."""
    words = []
    for member in members(hint):
        if typing.get_origin(member) is typing.Literal:
            words += [f'`"{value}"`' for value in typing.get_args(member)]
        elif typing.get_origin(member) is tuple:
            words += [f"at least {limits.items} item"] if limits.items else []
        elif member in (int, float):
            words += [limits.range] if limits.range else []
        if limits.pattern and member not in (int, float):
            each = "each " if typing.get_origin(member) is tuple else ""
            words.append(f"{each}{limits.pattern[1]}")
    return ", ".join(words)


def relations(cls: type) -> str:
    """What must hold between the keys of a table, as a list."""
    return "".join(f"- {relation.rule}\n" for relation in getattr(cls, "relations", ()))


def keys() -> str:
    """The keys that a device may replace."""
    return ", ".join(f"`{key}`" for key in PER_DEVICE) + "\n"


def default(field: Field) -> str:
    value = field.default
    if field.required:
        return "required"
    if value in (None, "", ()):
        return ""
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def purpose(cls: type) -> str:
    """The docstring of a check, as one paragraph."""
    return reference.purpose(cls) + "\n"


def attacks(name: str) -> str:
    """Return what the programs of tests/attacks show: their number by outcome, or each of them."""
    sys.path.insert(0, str(DOCS.parent / "tests" / "attacks"))
    from catalogue import outcomes, table

    return outcomes() if name == "outcomes" else table() + table("commands")


def record(event: str) -> str:
    """A Markdown table of the keys of a line; of a finished one, those it adds to the started."""
    keys = kinds.keys_of(Statement if event == "statement" else StartedRun)
    if event == "finished":
        every = kinds.keys_of(FinishedRun)
        keys = {key: every[key] for key in every if key not in keys}
    rows = ["| key | holds | unit | meaning | since |", "|---|---|---|---|---|"]
    for key, stated in keys.items():
        about = stated.about
        name = f"**`{key}`**" if stated.required else f"`{key}`"
        rows.append(
            f"| {name} | {about.kind.words} | {about.unit} | {about.meaning} | {about.since} |"
        )
    return "\n".join(rows) + "\n"


def reasons() -> str:
    """A Markdown table of the reasons of verdicts."""
    rows = ["| reason | of | meaning | decides about its commit | counts as a try |"]
    rows.append("|---|---|---|---|---|")
    for reason in Reason:
        decides, counts = ("yes" if it else "" for it in (reason.decides, reason.counts_as_try))
        rows.append(f"| `{reason}` | {reason.status} | {reason.meaning} | {decides} | {counts} |")
    return "\n".join(rows) + "\n"


class Placeholder(str):
    """What stands in a message for a value that varies: its name, whatever the format."""

    def __format__(self, spec: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        return str(self)


def errors() -> str:
    """Every error by its module, with placeholders for what varies."""
    text = ""
    for module in pkgutil.iter_modules(messages.__path__):
        subject = importlib.import_module(f"{messages.__name__}.{module.name}")
        text += f"\n## `{module.name}`\n\n{subject.__doc__}\n"
        for name, function in inspect.getmembers(subject, inspect.isfunction):
            if function.__module__ == subject.__name__ and not name.startswith("_"):
                text += f"\n### `{name}`\n\n{inspect.getdoc(function)}\n\n"
                text += f"```text\n{example(function)}\n```\n"
    return text


def example(function: typing.Callable[..., Exception]) -> str:
    """The error that a function returns, with placeholders for its required arguments."""
    arguments = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty:
            continue
        value: object = Placeholder(f"<{name.replace('_', ' ')}>")
        many = re.match("list|tuple|Sequence|Iterable|Collection", str(parameter.annotation))
        arguments[name] = [value] if many else value
    return str(function(**arguments))


def rendered(text: str) -> str:
    """Return a page with its generated blocks updated."""

    def block(match: re.Match[str]) -> str:
        made = {
            "table": lambda: attacks(match[3]),
            "keys": keys,
            "errors": errors,
            "reasons": reasons,
            "record": lambda: record(match[3]),
            "facts": lambda: reference.facts(match[3]),
            "reference": lambda: REFERENCE[match[3]](),
        }
        if match[2] in made:
            return match[1] + made[match[2]]() + match[4]
        cls = TABLES[match[3]] if match[3] in TABLES else load(match[3])
        make = {"options": options, "purpose": purpose, "relations": relations}[match[2]]
        return match[1] + make(cls) + match[4]

    return BLOCK.sub(block, text)


def main() -> int:
    wanted = {DOCS / "bound.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"}
    for name in ("bound.toml", "evaluate.py", "sort.py"):  # the demo's experiment is an example too
        wanted[DOCS / "examples/algorithm" / name] = (DEMO / name).read_text(encoding="utf-8")
    missing = [name for name in PAGES if not (DOCS / name).exists()]
    if missing:
        sys.exit(f"docs has no {', '.join(missing)}")
    for name in PAGES:
        wanted[DOCS / name] = rendered((DOCS / name).read_text(encoding="utf-8"))
    stale = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"out of date: docs/{path.relative_to(DOCS)} (python docs/generate.py)")
        return int(bool(stale))
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"written: docs/{path.relative_to(DOCS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
