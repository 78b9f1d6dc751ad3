"""Choose the metric among what a program prints, by the instructions and by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import read_file
from pytest_ouro.onboarding.discover import dumped
from pytest_ouro.onboarding.discover.source import PythonFile, Shown
from pytest_ouro.onboarding.discover.words import named_direction, telling_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_ouro.onboarding.discover.prose import Prose

_PRINTED = (
    re.compile(r"METRIC[: ]+\"?([A-Za-z_]\w*)\"?\s*[=:]()"),
    re.compile(
        r"""(?m)(?:echo|printf|print\w*!?|puts|log|Println|Printf)\s*[(]?\s*(?:f|\$)?["'`]"""
        r"""([A-Za-z_]\w*)\s*[:=]\s*(?:[${#]|%[\d.]*\w(%%)?)"""
    ),
)
#: Labels of how a program goes, which cannot be a metric.
_NOISE = re.compile(r"(?i)(?:error|warning|usage|note|step|epoch|lr|seed)s?")
#: Labels of what a run costs, what a value is compared with, or a count, unless people name them.
_BESIDE = re.compile(
    r"(?i).*(?:time|second|elapsed|duration|memory|vram|tokens)"
    r"|(?:baseline|base|prev|previous|old|delta|initial|num|n|total)_"
)
_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
#: What a benchmark of Go reports beside its time, by its unit, and the names of the benchmarks.
_REPORTED = re.compile(r"""\.ReportMetric\(.*,\s*"([^"\s]+)"\s*\)""")
_BENCHMARK = re.compile(r"(?m)^func (Benchmark\w*)\(")


@dataclass(frozen=True)
class Label:
    """A value that a program prints under a name: where it stands, as ``metric-from`` says, its
    unit ("" for none), whether the name leads its line, and for a value in JSON its ``keys``."""

    name: str
    source: str = "line"
    unit: str = ""
    leads: bool = True
    keys: tuple[str, ...] = ()


def printed_by(folder: Path, path: str) -> list[Label]:
    """Return the values that a program prints, as far as its text shows them: those of lines, and
    then those of JSON; [] if it cannot be read as Python."""
    if not path.endswith(".py"):
        text = (read_file(folder / path) or b"").decode(errors="replace")
        if path.endswith("_test.go"):
            return list(_benchmarked(text))
        found = [match for pattern in _PRINTED for match in pattern.findall(text)]
        return [Label(name, unit="%" if unit else "") for name, unit in found]
    try:
        file = PythonFile.read(folder / path, path)
    except OuroError:
        return []
    lines = [
        Label(name, _place(shown), shown.unit, shown.leads and not shown.words)
        for name, shown in file.summary.items()
    ]
    return [*lines, *map(_in_json, dumped.values(file, folder))]


def _in_json(value: dumped.Dumped) -> Label:
    """Return the label of a value in printed JSON: its keys, joined. Behind other text on its line
    it is found by its last key."""
    source = f"json:{'.'.join(value.keys)}"
    if value.before:
        source = rf'regex:^\W*{re.escape(value.before)}\s*\{{.*"{value.keys[-1]}":\s*{_NUMBER}'
    return Label("_".join(value.keys), source, keys=value.keys)


def _benchmarked(text: str) -> Iterator[Label]:
    """Yield what the benchmarks of a Go file report: values of their own units, and the time of an
    operation of each benchmark, under its name."""
    for unit in dict.fromkeys(_REPORTED.findall(text)):
        yield Label(unit, rf"regex:\s{_NUMBER}\s+{re.escape(unit)}(?!\S)")
    for name in _BENCHMARK.findall(text):
        yield Label(f"{name}_ns", rf"regex:^{name}(?:-\d+)?\s+\d+\s+{_NUMBER} ns/op")


def meant(name: str, labels: Iterable[Label]) -> Label | None:
    """Return the label that people mean by a name, under that name: the one that has it, lines
    first; else the only one in JSON that ends with a word of it and whose keys have all of its
    words. None if there is none."""
    known = list(labels)
    same = [label for label in known if label.name == name]
    words = set(re.split(r"[_\W]+", name.lower()))
    near = [
        label
        for label in known
        if len(label.keys) > 1
        and set(re.split(r"[_\W]+", label.keys[-1].lower())) <= words
        and words <= set(re.split(r"[_\W]+", label.name.lower()))
    ]
    same.sort(key=lambda label: label.source != "line")
    if not same and len({label.keys for label in near}) == 1:
        same = near
    return replace(same[0], name=name) if same else None


def _place(shown: Shown) -> str:
    """Return where a printed value stands, as ``metric-from`` says."""
    return rf"regex:^\W*{shown.words}\s*[:=]\s*{_NUMBER}" if shown.words else "line"


def choose(names: Iterable[str], prose: Prose, *, sure: bool = False) -> list[str]:
    """Return the one of the names that is the metric, in a list: the first that the instructions
    name as a metric; else the only one that they aim at, or the only one whose name says which of
    its values are better. Without such a one, return all of the names, each once, or []
    if ``sure``."""
    known = list(dict.fromkeys(names))
    named = [name for name in prose.metrics if name in known and not _NOISE.fullmatch(name)]
    if named or (len(known) == 1 and not sure):
        return named[:1] or known
    near = [name for name in known if not _NOISE.fullmatch(name) and not _BESIDE.match(name)]
    telling = [name for name in near if named_direction(name)]
    for some in (
        [name for name in telling if _is_aim(name, prose)],
        [name for name in telling if any(map(prose.aims_at, telling_words(name)))],
        telling,
        [name for name in near if _is_aim(name, prose)],
        [name for name in telling if name.startswith(("val", "eval", "test"))],
    ):
        if len(some) == 1:
            return some
    return [] if sure else known


def _is_aim(name: str, prose: Prose) -> bool:
    """Return whether the instructions aim at a metric, as people may write its name in a sentence:
    ``pass_at_1`` is ``pass@1`` too."""
    return any(map(prose.aims_at, (name, name.replace("_", " "), name.replace("_at_", "@"))))
