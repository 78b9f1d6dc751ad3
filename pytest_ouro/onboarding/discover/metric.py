"""Choose the metric among what a program prints, by the instructions and by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.ledger.metric_names import named_direction, telling_words
from pytest_ouro.experiment.terms.printed import unit_behind
from pytest_ouro.onboarding.discover import dictionaries, printed
from pytest_ouro.onboarding.discover.source import PythonFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_ouro.onboarding.discover.prose import Prose

_METRIC = re.compile(r"METRIC[: ]+\"?([A-Za-z_]\w*)\"?\s*[=:]")
#: A text that a program of another language than Python prints.
_TEXT = re.compile(
    r"""(?:echo|\w*[pP]rint\w*!?|puts|log|info|WriteLine|cout|say|cat|message)\s*(?:\(|<<)?\s*(?:\w+,\s*)?(?:f|\$)?"""
    r"""(["'`])((?:(?!\1)[^\n])*)\1([^;\n]*)"""
)
_NAMED = (
    r"(?:^|[^\w\s]|[^\w\s]\s|  |\\n|\\t|(?i:metrics?|results?|final) )"
    r"([A-Za-z_][\w/]*(?:@\w+)?)\s*[:=]\s*"
)
#: A label in such a text with the place of its value, and one at the text's end, before the value.
_FILLED = re.compile(
    rf"{_NAMED}(?:[$#]?\{{[^{{}}]*\}}|\$\w+|\$?\([^()]*\)|%[-+ #]*[\d.*]*l*[a-zA-Z])"
)
_OPEN = re.compile(rf"{_NAMED}$")
#: A label behind a mark at the beginning of a text: ``BENCH_RESULT tok_s=$X``.
_MARKED = re.compile(r"^([A-Z][A-Z0-9_]{2,})[: ] *([A-Za-z_]\w*)=(?=[$%{])")
#: What is printed behind such a value as text.
_BEHIND = re.compile(r"""^[^"'`]*(?:<<|,|\+|\.)\s*["'`]([^"'`\\]*)""")
#: An object that is printed as JSON, in JavaScript and in Rust, and its keys.
_OBJECT = re.compile(r"(?:JSON\.stringify\(\s*|json!\s*\(\s*)\{([^{}]*)\}")
_KEY = re.compile(r"""(?:^|,)\s*["']?([A-Za-z_]\w*)["']?\s*(?=[:,]|$)""")
#: Labels of how a program goes and how a check ended, which cannot be a metric.
_NOISE = re.compile(
    r"(?i:error|warning|usage|note|step|epoch|lr|seed|log|fatal|timeout)s?|PASS|FAIL|SKIP|OK"
)
#: Labels of what a run costs, what a value is compared with, or a count, unless people name them.
_BESIDE = re.compile(
    r"(?i).*(?:time|second|elapsed|duration|memory|vram|tokens)"
    r"|(?:baseline|base|prev|previous|old|delta|initial|num|n|total)_"
)
_THINGS = re.compile(
    r"(?i)(?:sample|token|param|parameter|example|row|file|item|game|step|epoch|iteration|word|line"
    r"|image|batche|run|chain|record|entrie|episode|test|case|quer(?:y|ie))s?"
)
_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
#: What a benchmark of Go reports beside its time, by its unit, and the names of the benchmarks.
_REPORTED = re.compile(r"""\.ReportMetric\(.*,\s*"([^"\s]+)"\s*\)""")
_BENCHMARK = re.compile(r"(?m)^func (Benchmark\w*)\(")


@dataclass(frozen=True)
class Label:
    """A value that a program prints under a ``name``. ``source`` is where to find it, in the form
    of the key ``metric-from``; ``unit`` is its unit, "" for none. ``leads`` is False for a label
    that is rarely the metric's, such as one behind other text, of several words, or without ``:``
    or ``=``. For a value of a dictionary that is printed or written as a whole, ``keys`` lead to
    it, and ``file`` is the file that it is written into, "" if it is printed."""

    name: str
    source: str = "line"
    unit: str = ""
    leads: bool = True
    keys: tuple[str, ...] = ()
    file: str = ""

    @property
    def counts(self) -> bool:
        """Whether the unit says that the value counts things, as in ``Train: 9 samples``."""
        return bool(_THINGS.fullmatch(self.unit))


def printed_by(folder: Path, path: str) -> list[Label]:
    """Return the values that the program at ``path`` in ``folder`` prints, as far as its text shows
    them: in Python those of ``label: value`` lines first, then those of dictionaries. Return [] if
    it prints no such value, or if a Python file cannot be read or parsed. OuroError if another file
    exists and cannot be read."""
    if not path.endswith(".py"):
        text = (read_file(folder / path) or b"").decode(errors="replace")
        if path.endswith("_test.go"):
            return list(_benchmarked(text))
        return list(_written(text))
    try:
        file = PythonFile.read(folder / path, path)
    except OuroError:
        return []
    lines = [
        Label(name, _place(shown), shown.unit, shown.leads and not shown.words)
        for name, shown in printed.summary(file).items()
    ]
    bare = [
        Label(name, rf"regex:^\W*{name}\s+{_NUMBER}", leads=False)
        for name in printed.bare(file)
        if named_direction(name)
    ]
    listed = [
        Label(key, "line" if marked else rf"regex:^\W*{re.escape(key)}\s+{_NUMBER}")
        for key, marked in dictionaries.listed(file, folder)
    ]
    return [*lines, *map(_in_dictionary, dictionaries.values(file, folder)), *listed, *bare]


def _written(text: str) -> Iterator[Label]:
    """Yield labels for the values that a program in a language other than Python prints, as far as
    its text shows them; some may come twice."""
    yield from (Label(name) for name in _METRIC.findall(text))
    for _, words, after in _TEXT.findall(text):
        if (marked := _MARKED.match(words)) and marked[1] != "METRIC":
            yield Label(
                marked[2], rf"regex:^\W*{marked[1]}[: ] *{marked[2]}={_NUMBER}", leads=False
            )
        for found in _FILLED.finditer(words):
            unit = unit_behind(words[found.end() :].replace("%%", "%").partition("\\n")[0])
            yield Label(found[1], unit=unit, leads=found.start() == 0)
        if last := _OPEN.search(words):
            behind = _BEHIND.search(after)
            unit = unit_behind(behind[1]) if behind else ""
            yield Label(last[1], unit=unit, leads=last.start() == 0)
    for body in _OBJECT.findall(text):
        yield from (Label(key, f"json:{key}", keys=(key,)) for key in _KEY.findall(body))


def _in_dictionary(value: dictionaries.Dumped) -> Label:
    """Return the label of a value in a printed dictionary, named by its keys, joined by ``_``. Its
    ``source`` says how the value is found: by the path of the keys in JSON; as ``name: value`` on a
    line if the dictionary is not printed as JSON; or, if other text precedes the dictionary on its
    line, by a regular expression for that text and the value's last key."""
    source = f"json:{'.'.join(value.keys)}" if value.as_json else "line"
    if value.before:
        key = re.escape(value.keys[-1])
        source = rf"""regex:^\W*{re.escape(value.before)}\s*\{{.*["']{key}["']:\s*{_NUMBER}"""
    return Label("_".join(value.keys), source, keys=value.keys, file=value.file)


def _benchmarked(text: str) -> Iterator[Label]:
    """Yield a label for each value that the benchmarks in the text of a Go test file report: first
    those with units of their own, then the nanoseconds of one operation of each benchmark."""
    for unit in dict.fromkeys(_REPORTED.findall(text)):
        yield Label(unit, rf"regex:\s{_NUMBER}\s+{re.escape(unit)}(?!\S)")
    for name in _BENCHMARK.findall(text):
        yield Label(f"{name}_ns", rf"regex:^{name}(?:-\d+)?\s+\d+\s+{_NUMBER} ns/op")


def meant(name: str, labels: Iterable[Label]) -> Label | None:
    """Return the label that the instructions mean by ``name``, renamed to ``name``. It is the label
    with that name, a printed one before one in a file, and a line before JSON; else the only nested
    value whose last key has only words of ``name``, and whose keys together have all of them. None
    if there is none."""
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
    same.sort(key=lambda label: (bool(label.file), label.source != "line"))
    if not same and len({label.keys for label in near}) == 1:
        same = near
    return replace(same[0], name=name) if same else None


def _place(shown: printed.Shown) -> str:
    """Return the value of ``metric-from`` by which a printed value is found: "line", or ``regex:…``
    with the label and a number if the label has several words."""
    return rf"regex:^\W*{shown.words}\s*[:=]\s*{_NUMBER}" if shown.words else "line"


def choose(names: Iterable[str], prose: Prose, *, sure: bool = False) -> list[str]:
    """Return the name of the metric among ``names``, in a list of one. It is the first that the
    instructions name as a metric; else the only name, unless ``sure``; else the only one that looks
    like a metric, by the goals in the instructions and by what the names themselves say.

    If none of these decides, return all names, each once; but [] if ``sure``.
    """
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
        [name for name in telling if is_held_out(name)],
    ):
        if len(some) == 1:
            return some
    return [] if sure else known


def unseen(name: str, words: str, prose: Prose) -> str:
    """Return the sentence for a person that the instructions name the metric ``name``, but the
    programs of the command ``words`` do not seem to print it."""
    return (
        f"{prose.file} names the metric {name}, and the text of {words} does not show that it is "
        "printed: if it has another name there, --metric or --metric-from says it"
    )


def is_held_out(name: str) -> bool:
    """Return whether a metric's name begins with ``val``, ``eval`` or ``test``, in any case, as
    that of one does which was measured on data that is not trained on."""
    return name.lower().startswith(("val", "eval", "test"))


def _is_aim(name: str, prose: Prose) -> bool:
    """Return whether a goal in the instructions names a metric, with its name as it is or as people
    write it: ``pass@1`` or ``pass at 1`` for ``pass_at_1``."""
    return any(map(prose.aims_at, (name, name.replace("_", " "), name.replace("_at_", "@"))))
