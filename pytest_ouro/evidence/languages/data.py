"""Files of values (JSON, TOML, YAML and notebooks), in which layout and the order of keys have
no meaning.

YAML is parsed only if PyYAML is installed.
"""

from __future__ import annotations

import importlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_ouro.core import limits
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.languages.form import Form
from pytest_ouro.evidence.languages.text import count_tokens, is_whole, zero_seeds
from pytest_ouro.evidence.python.seeds import is_seed_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What running a notebook writes into its cells.
_RESULTS = ("outputs", "execution_count", "id")
#: The most nodes of a YAML file: an alias stands for all of the nodes that it repeats.
_YAML_NODES = 20_000
#: The most characters of a YAML file, whose parser is slow.
_YAML_SIZE = 64 << 10


def reader(suffix: str) -> Callable[[str], Any] | None:
    """Return the function that parses the text of a file with this suffix (lower case, with its
    dot) to values; None if there is none, as for YAML without PyYAML. The function raises
    ValueError or RecursionError for an invalid text."""
    if suffix in (".yaml", ".yml") and not yaml_version():
        return None
    return _READERS.get(suffix)


def read_data(read: Callable[[str], Any], blob: bytes) -> Form:
    """Return the form of a file of values, whose text ``read`` parses. Raise ValueError or
    RecursionError if it is not valid UTF-8, longer than `limits.SCRIPT`, or invalid for
    ``read``."""
    text = blob.decode()
    if len(text) > limits.SCRIPT:
        raise ValueError("too long to be parsed")
    value = read(text)
    size = 2 * sum(max(1, count_tokens(word)) for word in _words(value))
    return Form("data", size, _write(value, seeds=True), _write(value, seeds=False))


@lru_cache(maxsize=1)
def yaml_version() -> str:
    """Return the version of PyYAML, which is imported to find it; "" if it is not installed."""
    try:
        return str(importlib.import_module("yaml").__version__)
    except (ImportError, AttributeError):
        return ""


def _words(value: Any) -> Iterator[str]:
    """Yield all keys and all single values as texts, at any depth of nested tables and lists."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _words(item)
    else:
        yield str(value)


def _write(value: Any, *, seeds: bool) -> str:
    """Return parsed values as a text that is equal for equal values, whatever the order of keys.
    Unless ``seeds``, each number that is a seed becomes 0, also within a text."""
    if isinstance(value, dict):
        pairs = ((key, _write_item(key, item, seeds=seeds)) for key, item in value.items())
        return "{" + ",".join(sorted(f"{json.dumps(key)}:{item}" for key, item in pairs)) + "}"
    if isinstance(value, list):  # ["--seed", 1]
        items = zip([None, *value], value, strict=False)
        return "[" + ",".join(_write_item(name, item, seeds=seeds) for name, item in items) + "]"
    text = value if seeds or not isinstance(value, str) else zero_seeds(value)
    return f"{type(value).__name__} {json.dumps(str(text))}"


def _write_item(name: object, value: Any, *, seeds: bool) -> str:
    """Return an item of a table or list as a text, as `_write` does; "0" if the item is a seed and
    ``seeds`` is false. ``name`` is the item's key in a table; in a list, the item before (as
    "--seed" in ``["--seed", 1]``), or None."""
    return "0" if not seeds and _sets_seed(name, value) else _write(value, seeds=seeds)


def _sets_seed(name: object, value: object) -> bool:
    """Return whether ``value`` is a seed: a whole number, or a text of one, whose ``name`` is the
    name of a seed. ``name`` is the key of ``value``, or the item before it in a list."""
    number = isinstance(value, int | float | str) and not isinstance(value, bool)
    kind = "int:", "float:"  # of a `_Tagged` value
    text = str(value).removeprefix(kind[0]).removeprefix(kind[1])
    return number and is_seed_name(name) and is_whole(text)


def _read_json(text: str) -> Any:
    """Parse a JSON text. Raise ValueError if it is invalid, or an object has a key twice."""
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, object]:
    """Return the pairs as a dict. Raise ValueError if a key occurs twice: readers differ in which
    one counts."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice")
    return table


def _read_notebook(text: str) -> Any:
    """Parse a notebook, without what a run writes into its cells (outputs, execution counts, ids),
    and with each cell's lines joined to one text. Raise ValueError if it is not a JSON object with
    a list of cells."""
    book = _read_json(text)
    cells = book.get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError("not a notebook")
    book["cells"] = [
        {key: _join(item) for key, item in cell.items() if key not in _RESULTS} for cell in cells
    ]
    return book


def _join(source: Any) -> Any:
    """Return the lines of a notebook's cell as one text: a list of texts is joined, anything else
    is returned unchanged, since tools store a cell in both ways."""
    is_lines = isinstance(source, list) and all(isinstance(line, str) for line in source)
    return "".join(source) if is_lines else source


def _read_yaml(text: str) -> Any:
    """Parse a YAML text to the list of its documents. Raise ValueError if it is invalid, too long,
    has too many nodes, or a key twice."""
    yaml = importlib.import_module("yaml")
    if len(text) > _YAML_SIZE:
        raise ValueError("too long to be parsed")
    left = _YAML_NODES

    def plain(node: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError("too many nodes")
        if isinstance(node, yaml.MappingNode):
            return _unique([(_key(plain(key)), plain(item)) for key, item in node.value])
        if isinstance(node, yaml.SequenceNode):
            return [plain(item) for item in node.value]
        return _scalar(node.tag.rpartition(":")[2], node.value)

    try:
        return [plain(node) for node in yaml.compose_all(text, Loader=yaml.SafeLoader)]
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


class _Tagged(str):
    """A YAML value as ``TYPE:TEXT``, if it is neither a text nor a plain whole number."""


def _scalar(kind: str, text: str) -> str | int:
    """Return a single YAML value: a text as it is, a plain whole number as int, any other as
    ``TYPE:TEXT``, since versions of YAML differ in what `no` and `010` are."""
    if kind == "str":
        return text
    is_plain = kind == "int" and text.removeprefix("-").isdecimal() and str(int(text)) == text
    return int(text) if is_plain else _Tagged(f"{kind}:{text}")


def _key(value: Any) -> str:
    """Return a YAML key as text: a text unchanged, any other value as `_write` writes it."""
    return value if type(value) is str else _write(value, seeds=True)


_READERS: dict[str, Callable[[str], Any]] = {
    ".json": _read_json,
    ".toml": toml.loads,
    ".ipynb": _read_notebook,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
