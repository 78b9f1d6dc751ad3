"""Find constructs in an editable file that interfere with the measurement, on its syntax tree.

This is a list of tripwires, not a fence: a construct that is not on it can still do harm. Those on
it have nearly no innocent use in a training script; one that has some only warns.
"""

from __future__ import annotations

import ast
import contextlib
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeAlias, get_args

from pytest_ouro.checks.evaluation.literal_metric import prints_literal
from pytest_ouro.checks.evaluation.name_resolver import Names, literal_text
from pytest_ouro.checks.evaluation.repetition import calls_in_loops, calls_of_one_run
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.python.source import dotted, imported, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.python.source import Source

#: A longer script can carry a payload: the longest of a thousand real ones had 59.7 KB.
MAX_BYTES = 64 * 1024
#: Modules that no script has a reason to write into, beside the harness.
_PROTECTED = ("time", "torch", "math", "builtins")
#: Settings of torch that a script may assign.
_SETTINGS = (
    "torch.backends.",
    *(f"torch.{part}.config." for part in ("_dynamo", "_inductor", "_functorch")),
)
#: Attributes that reach the variables of other code, or raw memory.
_INTERNALS = (
    *("_getframe", "_current_frames", "f_back", "f_globals", "f_locals", "gi_frame", "getppid"),
    *("untyped_storage", "__array_interface__", "__globals__"),
)
#: The same, as functions of the module gc.
_GC = ("get_objects", "get_referrers", "get_referents")
#: Modules whose import fails the rule, and those whose import only warns.
_REFUSED = (
    *("socket", "_socket", "ctypes", "_ctypes", "cffi", "subprocess", "pty"),
    *("unittest", "mock"),
)
_NOTED = (
    *("multiprocessing", "requests", "urllib", "http", "ftplib", "httpx", "aiohttp"),
    *("pickle", "signal", "inspect"),
)
#: Calls that only warn.
_NOTED_CALLS = (
    *("open", "torch.save", "torch.load"),
    *("exec", "eval", "compile", "globals", "vars"),
)
_STARTING = ("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn")
#: Methods that change a dictionary.
_WRITING = ("update", "pop", "popitem", "setdefault", "clear", "__setitem__", "__delitem__")
#: Splits that only the evaluation reads.
HELD_OUT = ("val", "valid", "validation", "test", "eval")
#: Kinds of nodes, as tuples: a union would be built for each of thousands of nodes.
_Assigning: TypeAlias = (
    ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete | ast.For | ast.NamedExpr | ast.withitem
)
_ASSIGNING = get_args(_Assigning)
_DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTING = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Construct:
    """One construct on a line of the file.

    ``what`` describes it and identifies it across versions. ``hard``: it fails the rule.
    """

    line: int
    what: str
    hard: bool = True


@dataclass(frozen=True)
class Script:
    """The text of an editable file, and the names of the harness that measures it.

    ``harness`` is a module, ``evaluate`` and ``loader`` are its functions.
    """

    text: str
    harness: str
    evaluate: str
    loader: str
    metric: str

    @cached_property
    def constructs(self) -> tuple[Construct, ...]:
        """All constructs, in the order of lines. SyntaxError if the text is not Python."""
        try:
            kinds = (*_ASSIGNING, *_DEFINING, *_IMPORTING, ast.Call, ast.Attribute)
            found = [found for node in self._source.of(*kinds) for found in self._constructs(node)]
            found += self._evaluations()
        except RecursionError:
            found = [Construct(1, "is nested too deeply to be read")]
        size = len(self.text.encode())
        if size > MAX_BYTES:
            found.append(Construct(1, f"is {size} bytes long, more than {MAX_BYTES}"))
        return tuple(sorted(found, key=lambda construct: construct.line))

    @cached_property
    def _source(self) -> Source:
        return source(self.text)

    @cached_property
    def _from_harness(self) -> dict[str, str]:
        """The names in the harness of what is imported from it, by their local names."""
        names: dict[str, str] = {}
        for node in self._source.of(ast.ImportFrom):
            if node.module == self.harness:
                names.update({alias.asname or alias.name: alias.name for alias in node.names})
        if names.pop("*", ""):
            names.update({name: name for name in (self.evaluate, self.loader)})
        return names

    @cached_property
    def _names(self) -> Names:
        ours = {local: f"{self.harness}.{name}" for local, name in self._from_harness.items()}
        return Names(self._source, (*_PROTECTED, self.harness), ours)

    @cached_property
    def _strings(self) -> dict[str, set[str]]:
        """The strings that are assigned to each plain name."""
        found: dict[str, set[str]] = {}
        for node in self._source.of(ast.Assign):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, set()).add(node.value.value)
        return found

    def _guarded(self, node: ast.expr) -> str:
        """Return the name in a protected module that the node refers to; "" if none."""
        meant = self._names.meant(node)
        return meant if meant.split(".")[0] in (*_PROTECTED, self.harness) else ""

    def _constructs(self, node: ast.AST) -> Iterator[Construct]:
        """Yield the constructs that one node shows by itself."""
        if isinstance(node, _ASSIGNING):
            for target in _targets(node):
                yield from self._assigned(target)
        elif isinstance(node, _DEFINING):
            if node.name in self._from_harness:
                yield Construct(node.lineno, f"redefines {node.name}, which {self.harness} defines")
        elif isinstance(node, ast.Call):
            yield from self._called(node)
        elif isinstance(node, ast.Attribute):
            if node.attr in _INTERNALS or (node.attr in _GC and dotted(node.value) == "gc"):
                yield Construct(node.lineno, f"reaches for {node.attr}")
            elif node.attr == "__dict__" and (meant := self._guarded(node.value)):
                yield Construct(node.lineno, f"reaches for __dict__ of {meant}")
        elif isinstance(node, _IMPORTING):
            yield from self._imported(node)

    def _assigned(self, target: ast.expr) -> Iterator[Construct]:
        if isinstance(target, ast.Name) and target.id in self._from_harness:
            yield self._rebinds(target.lineno, target.id)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            yield from self._written_into(target)

    def _rebinds(self, line: int, local: str) -> Construct:
        return Construct(line, f"rebinds {self._from_harness[local]}, which {self.harness} defines")

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[Construct]:
        """Yield refused modules, internals, and names of the harness from another module."""
        for name in imported(node):
            yield from _module(node.lineno, name)
        module = node.module if isinstance(node, ast.ImportFrom) else ""
        absolute = module and not getattr(node, "level", 0)
        for alias in node.names:
            if absolute and (alias.name in _INTERNALS or (module == "gc" and alias.name in _GC)):
                yield Construct(node.lineno, f"reaches for {alias.name}")
            local = alias.asname or alias.name.split(".")[0]
            if local in self._from_harness and module != self.harness:
                yield self._rebinds(node.lineno, local)

    def _written_into(self, leaf: ast.Attribute | ast.Subscript) -> Iterator[Construct]:
        """Judge ``prepare.x = …``, ``torch.nn.functional.x = …``, ``sys.modules["x"] = …``."""
        name = _written(leaf)
        base, meant = name.partition(".")[0], self._guarded(leaf.value)
        if name in ("globals()", "vars()", "locals()") and isinstance(leaf, ast.Subscript):
            if (key := literal_text(leaf.slice)) in self._from_harness:
                yield self._rebinds(leaf.lineno, key)
        elif (
            f"{name}.".startswith("sys.modules.") or self._names.meant(leaf.value) == "sys.modules"
        ):
            yield Construct(leaf.lineno, "writes into sys.modules")
        elif base in self._from_harness:
            if isinstance(leaf, ast.Attribute):
                yield Construct(
                    leaf.lineno, f"writes into {self._from_harness[base]} of {self.harness}"
                )
        elif meant and not (self._names.meant(leaf) or meant).startswith(_SETTINGS):
            module = self._guarded(ast.Name(base)) or meant
            yield Construct(leaf.lineno, f"writes into the module {module}: {ast.unparse(leaf)}")

    def _called(self, node: ast.Call) -> Iterator[Construct]:
        name = dotted(node.func)
        last = name.rpartition(".")[2]
        yield from self._set_by_call(node, name)
        if self._is_harness(node.func, self.loader):
            for split in self._texts(node):
                if split != "train":
                    yield Construct(node.lineno, f"loads the split '{split}', not 'train'")
        prints = (name == "print" or last == "write") and node.args
        if prints and prints_literal(node, self.metric):
            yield Construct(node.lineno, f"prints a {self.metric} that is written in the source")
        for module in self._names.imported(node):
            yield from _module(node.lineno, module)
        meant = self._names.meant(node.func)
        if meant.startswith(_STARTING):
            yield Construct(node.lineno, f"starts another program: {meant}")
        elif meant == "importlib.reload" and node.args and self._guarded(node.args[0]):
            yield Construct(node.lineno, f"reloads {self._guarded(node.args[0])}")
        wanted = literal_text(node.args[1]) if name == "getattr" and len(node.args) > 1 else ""
        if wanted in _INTERNALS:
            yield Construct(node.lineno, f"reaches for {wanted}")
        if name in _NOTED_CALLS:
            yield Construct(node.lineno, f"calls {name}", hard=False)
        if name in ("exec", "eval", "compile") and node.args:
            yield from self._executed(node)

    def _set_by_call(self, node: ast.Call, name: str) -> Iterator[Construct]:
        """Judge ``setattr(prepare, …)``, ``vars(prepare)``, ``sys.modules.update(…)``."""
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if last in ("setattr", "delattr", "__setattr__", "__delattr__"):
            for one in (*node.args[:1], owner):
                if one is not None and self._guarded(one):
                    yield Construct(node.lineno, f"sets an attribute of {ast.unparse(one)}")
        elif name == "vars" and node.args and (meant := self._guarded(node.args[0])):
            yield Construct(node.lineno, f"reaches for __dict__ of {meant}")
        elif owner is not None and last in _WRITING:
            if self._names.meant(owner) == "sys.modules":
                yield Construct(node.lineno, "writes into sys.modules")
            elif isinstance(owner, ast.Call) and dotted(owner.func) in ("globals", "vars"):
                texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                for key in self._from_harness:
                    if key in (*texts, *(k.arg for k in node.keywords)):
                        yield self._rebinds(node.lineno, key)

    def _executed(self, node: ast.Call) -> Iterator[Construct]:
        """Yield the constructs in a literal text that is executed."""
        text = literal_text(node.args[0])
        imports = "\n".join(map(ast.unparse, self._source.of(*_IMPORTING)))
        with contextlib.suppress(SyntaxError):
            for found in replace(self, text=f"{imports}\n{text.strip()}\n").constructs:
                if found.line > imports.count("\n") + 1:
                    yield replace(found, line=node.lineno)

    def _is_harness(self, node: ast.expr, function: str) -> bool:
        return self._names.meant(node) == f"{self.harness}.{function}" or dotted(node) == function

    def _texts(self, call: ast.Call) -> Iterator[str]:
        """Yield the strings passed to the loader, also by a variable or concatenated."""
        for value in (*call.args, *(k.value for k in call.keywords if k.arg in ("split", None))):
            if isinstance(value, ast.Starred | ast.Dict):
                nodes = (n.value for n in ast.walk(value) if isinstance(n, ast.Constant))
                yield from (text for text in nodes if text in HELD_OUT)
            elif isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
            elif isinstance(value, ast.Name):
                yield from sorted(self._strings.get(value.id, ()))
            elif isinstance(value, ast.JoinedStr) or (
                isinstance(value, ast.BinOp) and _holds_text(value)
            ):
                yield ast.unparse(value)

    def _evaluations(self) -> Iterator[Construct]:
        """Yield calls of the evaluation in a loop or again, and other uses of its name."""
        calls = [
            call for call in self._source.of(ast.Call) if self._is_harness(call.func, self.evaluate)
        ]
        for call in calls_in_loops(self._source, calls):
            yield Construct(call.lineno, f"calls {self.evaluate} in a loop")
        for call in calls_of_one_run(self._source.tree, calls)[1:] if len(calls) > 1 else ():
            yield Construct(call.lineno, f"calls {self.evaluate} again")
        called = {id(call.func) for call in calls}
        for name in self._source.of(ast.Name):
            if (
                isinstance(name.ctx, ast.Load)
                and self._from_harness.get(name.id) == self.evaluate
                and id(name) not in called
            ):
                yield Construct(name.lineno, f"hands {self.evaluate} on without calling it")


@lru_cache(maxsize=256)
def constructs(
    text: str, harness: str, evaluate: str, loader: str, metric: str
) -> tuple[Construct, ...]:
    """Return the constructs of a `Script`, cached: many commits are compared with one of trust."""
    return Script(text, harness, evaluate, loader, metric).constructs


def _holds_text(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))


def _written(leaf: ast.Attribute | ast.Subscript) -> str:
    """Return what an assignment writes into, without indices: ``a.b``, or ``f()`` for a call."""
    node: ast.expr = leaf if isinstance(leaf, ast.Attribute) else leaf.value
    while not (name := dotted(node)) and isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if name or not isinstance(node, ast.Call):
        return name
    return f"{dotted(node.func)}()"


def _targets(node: _Assigning) -> Iterator[ast.expr]:
    """Yield what a node assigns to or deletes, without the tuples around it."""
    if isinstance(node, ast.Assign | ast.Delete):
        waiting = list(node.targets)
    elif isinstance(node, ast.withitem):
        waiting = [node.optional_vars] if node.optional_vars else []
    elif isinstance(node, ast.AnnAssign) and node.value is None:
        waiting = []
    else:
        waiting = [node.target]
    for target in waiting:
        if isinstance(target, ast.Tuple | ast.List):
            waiting += target.elts
        elif isinstance(target, ast.Starred):
            waiting.append(target.value)
        else:
            yield target


def _module(line: int, name: str) -> Iterator[Construct]:
    """Yield a construct if scripts have no or few reasons to import the module."""
    top = name.split(".")[0]
    if top in _REFUSED or top in _NOTED:
        yield Construct(line, f"imports {top}", hard=top in _REFUSED)
