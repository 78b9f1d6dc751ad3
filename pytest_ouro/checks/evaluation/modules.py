"""Find imports and calls that bring in code, or start programs, from outside of the script."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.checks.evaluation.harmless import HARMLESS, only_asks, program
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.python.source import dotted, imported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.checks.evaluation.name_resolver import Names
    from pytest_ouro.evidence.python.source import Source

#: Modules whose import fails the rule, and those whose import only warns.
_REFUSED = (
    *("socket", "_socket", "ctypes", "_ctypes", "cffi", "subprocess", "pty"),
    *("unittest", "mock", "marshal", "runpy", "zipimport", "ensurepip", "pip"),
)
_NOTED = (
    *("multiprocessing", "requests", "urllib", "http", "ftplib", "httpx", "aiohttp"),
    *("pickle", "signal", "inspect", "dill", "cloudpickle"),
)
#: Functions that start programs.
_STARTING = (
    *("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn"),
    *("subprocess.", "asyncio.create_subprocess"),
)
#: Functions that bring in code or weights from elsewhere, by their real names.
_FETCHING = (
    *("torch.hub.load", "torch.hub.load_state_dict_from_url", "torch.hub.download_url_to_file"),
    "torch.utils.model_zoo.load_url",
)
#: Attributes of importlib that load code from any file.
_LOADERS = (
    *("SourceFileLoader", "SourcelessFileLoader", "ExtensionFileLoader"),
    "spec_from_file_location",
)
#: The lists that decide which file an import finds.
SEARCHED = ("sys.path", "sys.meta_path", "sys.path_hooks")
#: Names of subprocess that start nothing, or whose use is checked as an import.
_NO_PROGRAM = ("list2cmdline", *HARMLESS["subprocess"])
#: What a constant is spelled with, to hide it.
_SPELLING = frozenset(
    ("chr", "ord", "map", "bytes", "bytearray", "reversed", "str", "list", "int", "range")
) | {"base64", "codecs", "binascii", "zlib"}


@dataclass(frozen=True)
class Construct:
    """One suspect piece of code on a line of a file.

    ``what`` describes the construct and identifies it across versions. ``hard``: it breaks the
    rule; otherwise it only warns. ``unread``: the file could not be searched, which is reported
    even if the trusted version could not be searched either.
    """

    line: int
    what: str
    hard: bool = True
    unread: bool = False


def modules_imported(
    source: Source, names: Names, node: ast.Import | ast.ImportFrom
) -> Iterator[Construct]:
    """Yield a construct for each module that the import ``node`` imports and that scripts have no
    reason (`_REFUSED`, hard) or few reasons (`_NOTED`, a warning) to import. A module of which the
    script uses only what is harmless (`_uses_little`) yields none. Yield another for each of
    `_LOADERS` that ``node`` imports from a module."""
    for name in imported(node):
        if not _uses_little(source, names, node, name):
            yield from _module(node.lineno, name)
    if isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            yield from loader(node.lineno, alias.name)


def loader(line: int, name: str) -> Iterator[Construct]:
    """Yield one construct if ``name`` is one of `_LOADERS`, attributes that load code from any
    file; otherwise nothing."""
    if name in _LOADERS:
        yield Construct(line, f"loads code from a file: {name}")


def outside_called(names: Names, node: ast.Call) -> Iterator[Construct]:
    """Yield the constructs of a call that brings in code or starts a program; nothing for other
    calls.

    Such a call starts a program, unless that only asks about the machine or the commit; loads code
    or weights from elsewhere; calls ``numpy.load`` with ``allow_pickle``; imports a suspect module,
    or one whose name is not literal; or changes where imports are searched. ``sys.path`` is changed
    by ``insert``, ``extend`` and ``site.addsitedir``; ``append`` is allowed.
    """
    meant = names.meant(node.func)
    owner, _, last = meant.rpartition(".")
    if names.imports(node):
        yield from _imports_by_call(names, node)
    if meant.startswith(_STARTING) and meant.removeprefix("subprocess.") not in _NO_PROGRAM:
        if not only_asks(node, names.value):
            started = f"{meant} {program(node, names.value)}".strip()
            yield Construct(node.lineno, f"starts another program: {started}")
    elif meant in _FETCHING:
        yield Construct(node.lineno, f"loads from elsewhere: {meant}")
    elif meant == "numpy.load" and _is_set(node, "allow_pickle"):
        yield Construct(node.lineno, "calls numpy.load with allow_pickle", hard=False)
    elif meant == "site.addsitedir" or (owner == "sys.path" and last in ("insert", "extend")):
        yield search_changed(node.lineno, "sys.path")
    elif owner in SEARCHED[1:]:
        yield search_changed(node.lineno, owner)


def search_changed(line: int, what: str) -> Construct:
    """Return the construct for a change of ``what``, one of `SEARCHED`. It is hard unless ``what``
    is ``sys.path``."""
    return Construct(line, f"changes {what}, where imports are searched", hard=what != "sys.path")


def is_hidden(node: ast.expr) -> bool:
    """Return whether an expression hides a constant: it is not a plain literal, and the only names
    in it, if any, are of functions that spell one, such as ``chr``."""
    if isinstance(node, ast.Constant):
        return False
    names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return names <= _SPELLING


def _imports_by_call(names: Names, node: ast.Call) -> Iterator[Construct]:
    """Yield the constructs of a call that imports a module, such as ``__import__("x")``: one for
    the module if scripts have no or few reasons to import it, and one for a name that is spelled in
    parts (hard) or computed (a warning). `Names.imports` must be true for the call."""
    name = node.args[0]
    for module in names.imported(node):
        yield from _module(node.lineno, module)
    if is_hidden(name):
        yield Construct(node.lineno, "imports a module whose name is spelled in parts")
    elif not names.text(name):
        yield Construct(node.lineno, "imports a module whose name is computed", hard=False)


def _uses_little(
    source: Source, names: Names, node: ast.Import | ast.ImportFrom, name: str
) -> bool:
    """Return whether the script uses only harmless parts of the module ``name``, which ``node``
    imports: those in `HARMLESS` and, of ``subprocess``, functions that are only called, since their
    calls are checked themselves. False if the script uses nothing of the module or hands it on as a
    whole, or if `HARMLESS` does not have the module."""
    module = name.split(".")[0]
    allowed = HARMLESS.get(module)
    if allowed is None:
        return False
    if isinstance(node, ast.ImportFrom):
        used = {alias.name for alias in node.names}
        calls = [c for c in source.of(ast.Call) if isinstance(c.func, ast.Name)]
        called = {names.meant(call.func) for call in calls}
        loads = [n for n in source.of(ast.Name) if isinstance(n.ctx, ast.Load)]
        spare = {id(call.func) for call in calls}
        loose = {names.meant(n) for n in loads if id(n) not in spare}
    else:
        local = next((a.asname or a.name for a in node.names if a.name == name), name)
        attributes = [a for a in source.of(ast.Attribute) if dotted(a.value) == local]
        inner = {id(a.value) for a in attributes}
        if any(n.id == local and id(n) not in inner for n in source.of(ast.Name)):
            return False
        used = {a.attr for a in attributes}
        functions = {id(call.func) for call in source.of(ast.Call)}
        called = {f"{module}.{a.attr}" for a in attributes if id(a) in functions}
        loose = {f"{module}.{a.attr}" for a in attributes if id(a) not in functions}
    rest = {f"{module}.{one}" for one in used - {*allowed}}
    programs = module == "subprocess" and rest <= called and not rest & loose
    return bool(used) and (not rest or programs)


def _is_set(call: ast.Call, keyword: str) -> bool:
    """Return whether a call passes ``keyword`` with a value that is true or not constant; False if
    it does not pass it."""
    given = [k.value for k in call.keywords if k.arg == keyword]
    return any(not isinstance(value, ast.Constant) or value.value for value in given)


def _module(line: int, name: str) -> Iterator[Construct]:
    """Yield one construct if scripts have no reason (`_REFUSED`: it is hard) or few reasons
    (`_NOTED`: it warns) to import the module ``name``; otherwise nothing."""
    top = name.split(".")[0]
    if top in _REFUSED or top in _NOTED:
        yield Construct(line, f"imports {top}", hard=top in _REFUSED)
