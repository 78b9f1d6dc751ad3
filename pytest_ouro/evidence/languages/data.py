"""Files of values, as JSON, TOML, YAML and notebooks: layout and the order of keys have no meaning.

YAML is parsed if PyYAML is installed.
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
    """Return the function that parses the text of a file with that suffix (lower case, with its
    dot) to values; None for another suffix, or for YAML without PyYAML. The function raises
    ValueError or RecursionError for a text that it cannot read."""
    if suffix in (".yaml", ".yml") and not yaml_version():
        return None
    return _READERS.get(suffix)


def read_data(read: Callable[[str], Any], blob: bytes) -> Form:
    """Return the form of a file of values, parsed by ``read``; ValueError or RecursionError if it
    is not valid in UTF-8 or for ``read``, or is too long."""
    text = blob.decode()
    if len(text) > limits.SCRIPT:
        raise ValueError("too long to be parsed")
    value = read(text)
    size = 2 * sum(max(1, count_tokens(word)) for word in _words(value))
    return Form("data", size, _write(value, seeds=True), _write(value, seeds=False))


@lru_cache(maxsize=1)
def yaml_version() -> str:
    """Return the version of PyYAML, which is imported; "" if it is not installed."""
    try:
        return str(importlib.import_module("yaml").__version__)
    except (ImportError, AttributeError):
        return ""


def _words(value: Any) -> Iterator[str]:
    """Yield each key, and each single value as text, at any depth of nested tables and lists."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _words(item)
    else:
        yield str(value)


def _write(value: Any, *, seeds: bool) -> str:
    """Return values as text, the same for equal values, whatever the order of keys. Without
    ``seeds``, 0 stands for each number that sets a seed, also within a text."""
    if isinstance(value, dict):
        pairs = ((key, _write_item(key, item, seeds=seeds)) for key, item in value.items())
        return "{" + ",".join(sorted(f"{json.dumps(key)}:{item}" for key, item in pairs)) + "}"
    if isinstance(value, list):  # ["--seed", 1]
        items = zip([None, *value], value, strict=False)
        return "[" + ",".join(_write_item(name, item, seeds=seeds) for name, item in items) + "]"
    text = value if seeds or not isinstance(value, str) else zero_seeds(value)
    return f"{type(value).__name__} {json.dumps(str(text))}"


def _write_item(name: object, value: Any, *, seeds: bool) -> str:
    """Return an item of a table or list as text, as by `_write`; ``name`` is its key, or the item
    before it. Without ``seeds``, return 0 for the number of a seed."""
    return "0" if not seeds and _sets_seed(name, value) else _write(value, seeds=seeds)


def _sets_seed(name: object, value: object) -> bool:
    """Return whether ``value`` is a whole number, or a text of one in any base, and ``name``, the
    key or the option before it, names a seed."""
    number = isinstance(value, int | float | str) and not isinstance(value, bool)
    kind = "int:", "float:"  # of a `_Tagged` value
    text = str(value).removeprefix(kind[0]).removeprefix(kind[1])
    return number and is_seed_name(name) and is_whole(text)


def _read_json(text: str) -> Any:
    """Return the values of a JSON text. ValueError if it is not valid, or a table has a key
    twice."""
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a dict. ValueError if a key stands twice: readers may differ in which one
    counts."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice")
    return table


def _read_notebook(text: str) -> Any:
    """Return a notebook's values without the keys `_RESULTS` of each cell, and each cell's list of
    lines as one text. ValueError if it has no list of cells."""
    book = _read_json(text)
    cells = book.get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError("not a notebook")
    book["cells"] = [
        {key: _join(item) for key, item in cell.items() if key not in _RESULTS} for cell in cells
    ]
    return book


def _join(source: Any) -> Any:
    """Return a cell's list of lines as one text, as other tools store it; anything else
    unchanged."""
    is_lines = isinstance(source, list) and all(isinstance(line, str) for line in source)
    return "".join(source) if is_lines else source


def _read_yaml(text: str) -> Any:
    """Return the list of the documents of a YAML text, each as values; [] for a text without any.
    ValueError if it is not valid, too long, has too many nodes, or a key twice."""
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
    """A value of YAML that is neither a text nor a plain whole number, with its type."""


def _scalar(kind: str, text: str) -> str | int:
    """Return a single value of YAML: a text, a plain whole number, or else the text with its type,
    since versions of YAML differ in what `no` and `010` are."""
    if kind == "str":
        return text
    is_plain = kind == "int" and text.removeprefix("-").isdecimal() and str(int(text)) == text
    return int(text) if is_plain else _Tagged(f"{kind}:{text}")


def _key(value: Any) -> str:
    """Return a key of YAML as text: a text unchanged, any other value as by `_write`."""
    return value if type(value) is str else _write(value, seeds=True)


_READERS: dict[str, Callable[[str], Any]] = {
    ".json": _read_json,
    ".toml": toml.loads,
    ".ipynb": _read_notebook,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
