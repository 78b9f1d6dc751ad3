"""Read the metric from the output of a program: its lines, its JSON, or what a pattern matches."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.terms.printed import Found, Printed, Reading, choose, parse, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Characters of broken JSON that are read, in all attempts together.
_BROKEN = 8 << 20
#: CPU seconds of a search by a regular expression, which may be exponential, and wall seconds.
_SECONDS, _WAIT = 5, 120
#: The search runs in a process of its own, whose time the kernel limits.
_SEARCH = f"""\
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_SECONDS}, {_SECONDS}))
pattern, text = json.load(sys.stdin)
found = [match[1] or "" for match in re.finditer(pattern, text, re.MULTILINE)]
json.dump([part[:200] for part in found[:500] + found[500:][-500:]], sys.stdout)
"""


def read(output: str, printed: Printed) -> Reading:
    """Return the metric that a program printed in its ``output``, read from the lines, JSON or
    pattern that ``printed`` names.

    If none was read, the reading's ``fault`` says why, and nothing is raised.
    """
    form, _, what = printed.source.partition(":")
    if form == "line":
        return read_lines(output, printed)
    find = _find_in_json if form == "json" else _find_by_pattern
    found, fault = find(output, what, printed.unit)
    return choose(found, printed) if found else Reading(fault=fault)


def _find_in_json(output: str, path: str, unit: str) -> tuple[list[Found], str]:
    """Return a tuple: what was found at ``path``, and what to say if that is an empty list.

    The first has a `Found` for each JSON document of the output that has a value there, in order; a
    value that is not a number has a fault. The second says what the output lacks, as the end of a
    sentence that begins with "printed". ``unit`` is the bound's, "" for none.
    """
    documents = list(_documents(output))
    found = [_found(path, value, unit) for one in documents for value in _values(one, path)]
    if found or not documents:
        return found, "no JSON at the start of a line"
    last = documents[-1]
    keys = ", ".join(last) if isinstance(last, dict) else f"a list of {len(last)}"
    return [], f"no JSON with '{path}'; the last has {clean(keys)}"


def _documents(output: str) -> Iterator[Any]:
    """Yield the JSON objects and lists that begin a line, perhaps after spaces, or follow another
    one on its line, as Python values.

    One may extend over several lines. Broken ones are left out; stop after ``_BROKEN`` characters
    of them.
    """
    decoder, place, broken = json.JSONDecoder(), 0, 0
    while place < len(output) and broken < _BROKEN:
        end = output.find("\n", place) + 1 or len(output)
        line = output[place:end].lstrip().removeprefix("\ufeff")  # a byte order mark
        start = end - len(line.lstrip())
        if output[start : start + 1] in ("{", "["):
            try:
                document, end = decoder.raw_decode(output, start)
                yield document
            except json.JSONDecodeError as error:
                broken += max(error.pos - start, 1)
            except (ValueError, RecursionError):  # a number of too many digits, or too deep
                broken += 1 << 14
        place = end


def _values(document: Any, path: str) -> Iterator[Any]:
    """Yield the value at a path of keys and list indices, with dots between, so that a key with a
    dot is not found; yield nothing if the document has none there. An index may be negative."""
    for part in path.split("."):
        try:
            document = document[int(part) if isinstance(document, list) else part]
        except (LookupError, TypeError, ValueError):
            return
    yield document


def _found(path: str, value: Any, unit: str) -> Found:
    """Return ``value``, the JSON value at ``path``, as a `Found`. It has a fault unless the value
    is a number, or a text that `parse` reads as one: a number, with or without ``unit`` behind it.
    True and false do not count as numbers."""
    shown = clean(f"{path}: {json.dumps(value)[:4096]}", width=120)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Found(shown, repr(value))
    number, fault = parse(value, unit) if isinstance(value, str) else ("", "which is not a number")
    return Found(shown, number, fault and f"{shown}, {fault}")


def _find_by_pattern(output: str, pattern: str, unit: str) -> tuple[list[Found], str]:
    """Return a tuple: what the pattern found, and what to say if that is an empty list.

    The first has a `Found` for each text that the first group of the pattern matches, in order; of
    more than 1000 matches the first and last 500. The second says what the output lacks, as the end
    of a sentence that begins with "printed". ``unit`` is the bound's, "" for none.

    A search that fails, or takes more than ``_SECONDS`` CPU seconds or ``_WAIT`` seconds of wall
    time, is given up: the list is then empty, and the second says that the search failed.
    """
    program = [sys.executable, "-I", "-S", "-c", _SEARCH]
    given = json.dumps([pattern, output]).encode()
    try:
        done = subprocess.run(program, input=given, capture_output=True, timeout=_WAIT, check=True)
    except (subprocess.SubprocessError, OSError):
        return [], f"output that 'metric-from' could not search within {_SECONDS} s"
    found = []
    for text in json.loads(done.stdout):
        number, fault = parse(text.strip(), unit)
        shown = clean(text, width=120)
        found.append(Found(shown, number, fault and f"'{shown}', {fault}"))
    return found, f"nothing that '{clean(pattern, width=60)}' matches"
