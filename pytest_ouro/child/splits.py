"""Recognise what a harness hands out beside the training split, and stand in for it.

A harness may have a loader with an argument for the split, a function that returns several loaders,
or a variable that holds the validation data. The script gets the training split; for the others it
gets a `HeldOut`, which only the evaluation can use. Code in the same process can get around that,
and a file that a script can read is not protected by it.
"""

from __future__ import annotations

import ast
import enum
import inspect
import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from .harness import HELD_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_TRAINING = frozenset({"train", "training", "trn", "tr"})
#: Words in the name of a function or a variable that holds data.
_DATA = frozenset(
    (
        *("data", "dataset", "datasets", "ds", "set", "split", "loader", "loaders", "dataloader"),
        *("splits", "dataloaders", "dl", "batch", "batches", "iter", "iterator", "stream"),
        *("x", "y", "rows", "tokens", "ids"),
    )
)
#: Those of them that show that a function hands out data: ``set`` may set a mode.
_FUNCTION = _DATA - {"set", "x", "y", "tokens", "ids"}
#: Words in the name of a parameter by which the evaluation gets its data.
_ARGUMENT = frozenset(
    {"data", "dataset", "ds", "loader", "loaders", "dataloader", "dl", "batches", "stream"}
)
#: Parameters that name a split, and those that are true for the training split.
_SPLIT = frozenset({"split", "mode", "part", "partition", "subset", "phase", "stage", "fold"})
_FLAG = frozenset({"train", "training", "is_train", "is_training"})
#: A split whose name contains one of them holds validation data, such as ``trainval``.
_PARTS = ("val", "test", "holdout")
#: The ids of the classes of paths whose text no script decides.
_PATHS = frozenset(map(id, (type(Path()), type(PurePath()), os.DirEntry)))
RULE = "is for the evaluation alone, not to train"


def words(name: str) -> set[str]:
    """Return the set of the words in a name, in lower case: ``get_valData`` has get, val and data.
    Digits and signs only separate words."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


class Origin(NamedTuple):
    """How a harness makes a value, so that another copy of the harness can make it again: its
    variable ``name``, or with ``call`` (args, kwargs) its function ``name``. ``place`` has the
    steps from there to the value: indexes, keys, and names of attributes."""

    name: str
    call: tuple[tuple[Any, ...], dict[str, object]] | None = None
    place: tuple[Any, ...] = ()

    def make(self, module: Any) -> Any:
        """Return the value as ``module``, another copy of the harness, makes it; raise what the
        harness raises."""
        value = getattr(module, self.name)
        if self.call is not None:
            args, kwargs = self.call
            value = value(*args, **kwargs)
        for step in self.place:
            value = value[step] if hasattr(value, "__getitem__") else getattr(value, step)
        return value


class HeldOut:
    """A stand-in for data that only the evaluation may read, which the script gets in place of it.
    To read, call or change it raises PermissionError.

    The evaluation gets the data itself. ``len()`` is allowed where the data has a length.
    """

    def __init__(self, name: str, origin: Origin, length: int | None = None) -> None:
        self.__dict__.update(_name=name, _origin=origin, _length=length)

    def __len__(self) -> int:
        """Return the number that the data's ``len()`` was; PermissionError if it had none."""
        length: int | None = self.__dict__["_length"]
        return self._refuse() if length is None else length

    def __repr__(self) -> str:
        """Return the name of the data, and that it is for the evaluation alone."""
        return f"<{self.__dict__['_name']}: {RULE}>"

    def _refuse(self, *_: object) -> NoReturn:
        """Raise PermissionError that names the data; every refused method is this one."""
        raise PermissionError(f"{self.__dict__['_name']} {RULE}")

    __iter__ = __next__ = __getitem__ = __call__ = __contains__ = _refuse
    __array__ = __setattr__ = __enter__ = __reduce__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        """Raise PermissionError for any attribute that the stand-in lacks."""
        self._refuse()


def origin_of(held_out: HeldOut) -> Origin:
    """Return how the harness makes the data that a stand-in stands for."""
    origin: Origin = held_out.__dict__["_origin"]
    return origin


def refused_split(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, object], plain: Collection[type]
) -> str:
    """Return words for the held-out split that a call of ``function`` asks for; "" if it asks for
    none.

    A text asks for one if it is in `HELD_OUT`, or names a file with such a stem; for a parameter
    such as ``split`` or ``mode`` it is enough that it contains val, test or holdout. Paths and the
    members of enums count by their texts. A plain False for ``train`` or the like asks for one too.
    Defaults are arguments too, and so are the items of a plain list or tuple, but not what these
    contain.

    Raise PermissionError if the class of an argument is not in ``plain``, and the argument is a
    text, belongs to a parameter such as ``split``, or is a path (except for pathlib's and those of
    `os.scandir`): its class could compare it as another text than it shows.
    """
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        given = list(_flat(bound.arguments, function))
    except (TypeError, ValueError):  # the loader raises the error, or it has no signature
        given = [*(("", value) for value in args), *kwargs.items()]
    known = {id(one) for one in plain}  # a metaclass of the script may say that classes are equal
    for name, value in (pair for one in given for pair in _with_items(*one)):
        kind = id(type(value))
        as_path = kind not in _PATHS and _is_path(value)
        if kind not in known and (isinstance(value, str) or name in _SPLIT or as_path):
            raise PermissionError("the split must be a plain string, for all to read alike")
        if name in _FLAG and type(value) is bool and not value:
            return f"the split of {name}=False"
        for text in _texts(value):
            stem = PurePath(text).stem.lower()
            named = name in _SPLIT and any(part in text.lower() for part in _PARTS)
            if named or stem in HELD_OUT:
                return f"the split {text!r}"
    return ""


def _flat(arguments: Mapping[str, Any], function: Any) -> Iterator[tuple[str, Any]]:
    """Yield pairs of the name of a parameter and an argument for it; each of ``*args`` has the name
    "", each of ``**kwargs`` its own. ``arguments`` are bound to the signature of ``function``."""
    kinds = inspect.signature(function).parameters
    for name, value in arguments.items():
        if kinds[name].kind is inspect.Parameter.VAR_POSITIONAL:
            yield from (("", one) for one in value)
        elif kinds[name].kind is inspect.Parameter.VAR_KEYWORD:
            yield from value.items()
        else:
            yield name, value


def _with_items(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the pair (``name``, ``value``) and, if ``value`` is a plain list or tuple, a pair of
    ``name`` and each of its items."""
    yield name, value
    if type(value) in (list, tuple):
        yield from ((name, item) for item in value)


def _is_path(value: Any) -> bool:
    """Return whether a value can be opened as a path: its class has ``__fspath__``."""
    if type(value) is int or type(value) is float:  # a list may have millions
        return False
    return inspect.getattr_static(type(value), "__fspath__", None) is not None


def _texts(value: Any) -> tuple[str, ...]:
    """Return the texts that an argument holds: a plain string itself, the text of a path, an enum
    member's name and the texts of its value (none if that is a number); () for other values."""
    if isinstance(value, enum.Enum):
        return (value.name, *_texts(value.value))
    if _is_path(value):
        return (os.fsdecode(value),)
    return (value,) if type(value) is str else ()


def takes_split(function: ast.FunctionDef) -> bool:
    """Return whether one of a function's parameters chooses the split, by its name: ``split``,
    ``mode``, ``train`` or the like."""
    spec = function.args
    names = {arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}
    return not (_SPLIT | _FLAG).isdisjoint(names)


def takes_data(function: ast.FunctionDef) -> bool:
    """Return whether an evaluation gets its data as an argument, by the names of its parameters
    (``loader``, ``val_data``, …). The first parameter, the model, does not count."""
    spec = function.args
    names = [arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    return any(words(name) & _ARGUMENT for name in names[1:])


def functions_of(source: str) -> dict[str, ast.FunctionDef]:
    """Return the functions (``def``) at the top level of a module, by name. ``source`` holds its
    bytes as Latin-1 text. Raise SyntaxError or ValueError if it is not Python."""
    body = ast.parse(source.encode("latin-1")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def handed_out(source: str, evaluate: str) -> list[str]:
    """Return a description of each function of a harness that hands out held-out data, as
    `hands_out` words it, except the function named ``evaluate``; [] if there is none. ``source``
    holds the file's bytes as Latin-1 text; SyntaxError or ValueError if it is not Python."""
    functions = functions_of(source)
    found = [hands_out(node) for name, node in functions.items() if name != evaluate]
    return [words for words in found if words]


def hands_out(function: ast.FunctionDef) -> str:
    """Return in words how a function of a harness hands out held-out data; "" if it does not. The
    names of the function and its parameters, and its ``return`` statements, show it."""
    is_for_data = bool(words(function.name) & _FUNCTION)
    if is_for_data and held_out_places(function):
        return f"{function.name} returns the validation data beside the training data"
    if is_for_data and takes_split(function):
        return f"{function.name} serves whatever split it is asked for"
    if is_held_out(function.name):
        return f"{function.name} returns the validation data"
    return ""


def is_held_out(name: str) -> bool:
    """Return whether a name says that a function returns, or a variable holds, held-out data.

    It must have a word of a held-out split (`HELD_OUT`), and a word of data (`_DATA`) or no other
    word. If ``valid`` is its only word of a split, it must have a word like ``data``, ``loader``,
    ``set`` or ``split`` too. The words may stand in any order, with others between them.
    """
    parts = words(name)
    if parts & HELD_OUT == {"valid"}:  # tokens may be valid too
        return not parts.isdisjoint(_ARGUMENT | {"set", "split"})
    return not parts.isdisjoint(HELD_OUT) and bool(parts & _DATA or parts <= HELD_OUT)


def held_out_places(function: ast.FunctionDef) -> frozenset[int | str]:
    """Return where a function's result has held-out data, as its ``return`` statements show:
    indexes of a tuple or list, keys of a dictionary, keywords of a call. Empty if there is none.

    A result with one place alone has none. In a list, dictionary or call, a place counts only if
    another one holds training data.
    """
    found: set[int | str] = set()
    for node in _own_nodes(function):
        value = node.value if isinstance(node, ast.Return) else None
        pairs: list[tuple[Any, ast.expr]] = []
        if isinstance(value, ast.Tuple | ast.List):
            pairs = list(enumerate(value.elts))
        elif isinstance(value, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in value.keys]
            pairs = list(zip(keys, value.values, strict=True))
        elif isinstance(value, ast.Call):
            pairs = [(word.arg, word.value) for word in value.keywords]
        labels = {place: _label(place, one) for place, one in pairs}
        if len(labels) > 1 and (isinstance(value, ast.Tuple) or "training" in labels.values()):
            found |= {place for place, label in labels.items() if label == "held out"}
    return frozenset(found)


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body, without the content of functions and classes in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _label(place: object, node: ast.expr) -> str:
    """Return the split that an expression ``node`` holds: "training", "held out", or "" if that is
    not clear. ``place`` is its key or index: a name that shows a split decides; otherwise the names
    and texts in the expression do."""
    if isinstance(place, str) and (named := _split_of(words(place))):
        return named
    parts: set[str] = set()
    for part in ast.walk(node):
        for text in (
            getattr(part, "id", ""),
            getattr(part, "attr", ""),
            getattr(part, "value", ""),
        ):
            parts |= words(text) if isinstance(text, str) else set()
    return _split_of(parts)


def _split_of(parts: set[str]) -> str:
    """Return "training" or "held out" if ``parts`` (words) has words of that split only; "" if it
    has words of both or of neither."""
    if not parts.isdisjoint(_TRAINING):
        return "training" if parts.isdisjoint(HELD_OUT) else ""
    return "" if parts.isdisjoint(HELD_OUT) else "held out"


def find_splits(value: Any, places: frozenset[int | str]) -> dict[Any, bool]:
    """Return a dict from each place (index, key or attribute) of a loader's result that holds a
    split to whether that split is held out. {} for a single loader, or if nothing is held out.

    In a mapping, named tuple or object, the names of keys, fields or attributes decide; a place
    whose name shows no split is left out. In another tuple or list, ``places`` (from
    `held_out_places`) are held out, and all others are training data. If ``places`` is empty, a
    tuple of several loaders has training data first, and the others are held out.
    """
    if isinstance(value, Mapping):
        found = {key: _split_of(words(str(key))) for key in value}
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        found = {n: _split_of(words(name)) for n, name in enumerate(value._fields)}
    elif isinstance(value, tuple | list):
        found = {n: "held out" if n in places else "training" for n in range(len(value))}
        if not places:
            bare = isinstance(value, tuple) and len(value) > 1 and all(map(is_loader, value))
            return {n: n > 0 for n in range(len(value))} if bare else {}
    elif is_loader(value) or not hasattr(value, "__dict__"):
        return {}
    else:
        found = {name: _split_of(words(name)) for name in vars(value)}
    if "held out" not in found.values():
        return {}
    return {place: split == "held out" for place, split in found.items() if split}


def is_loader(value: Any) -> bool:
    """Return whether a value serves batches: it is an iterator, or it can be iterated, has no
    ``__getitem__``, and is not a set."""
    return hasattr(value, "__next__") or (
        hasattr(value, "__iter__")
        and not hasattr(value, "__getitem__")
        and not isinstance(value, (set, frozenset))
    )


def is_batch(value: Any) -> bool:
    """Return whether a value is a tensor (has a ``shape``), or a tuple with one."""
    parts = value if isinstance(value, tuple) else (value,)
    return any(hasattr(part, "shape") for part in parts)


def replace_parts(value: Any, change: Callable[[Any, Any], Any]) -> Any:
    """Return ``value``, a container, with ``change(place, part)`` in place of each part: a new dict
    for a mapping, a new tuple or list of the same class. Of another object the attributes are
    changed in place, and it is returned itself."""
    if isinstance(value, Mapping):
        return {key: change(key, part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        parts = [change(n, part) for n, part in enumerate(value)]
        return value._make(parts) if hasattr(value, "_make") else type(value)(parts)
    for name, part in list(vars(value).items()):
        object.__setattr__(value, name, change(name, part))
    return value


def length_of(value: Any) -> int | None:
    """Return ``len(value)``; None if that fails."""
    try:
        return len(value)
    except Exception:  # a method of the harness
        return None


def is_data(value: Any) -> bool:
    """Return whether the value of a variable may be data: a loader, or a value with indexes. A
    text, bytes, a mapping, a class and anything that can be called are not."""
    if isinstance(value, (str, bytes, type, Mapping)) or callable(value):
        return False
    return hasattr(value, "__getitem__") or is_loader(value)


def size_of(batch: Any) -> int:
    """Return how many tokens a batch serves: the elements of its first array (a tensor, anything
    with a ``shape`` of ints, numbers in a list or tuple, lists in a list); else 1, as for []."""
    if hasattr(batch, "numel"):
        return int(batch.numel())
    with suppress(Exception):  # there is no shape, or its length is not known
        shape = tuple(batch.shape)  # TensorFlow's is a class of its own
        if all(isinstance(size, int) for size in shape):
            return math.prod(shape)
    if isinstance(batch, Mapping):
        batch = tuple(batch.values())
    if not isinstance(batch, (tuple, list)) or not batch:
        return 1
    if all(isinstance(part, (int, float)) for part in batch):
        return len(batch)
    if isinstance(batch, list) and all(isinstance(part, list) for part in batch):
        return sum(map(size_of, batch))
    return size_of(batch[0])
