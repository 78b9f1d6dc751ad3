"""Constructs in an editable file that touch the measurement, found on its syntax tree.

A list of tripwires, not a fence: what is not on it is not therefore innocent. Each has nearly no
innocent use in a training script; what has one only warns.
"""

from __future__ import annotations

import ast
import contextlib
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from pytest_ouro.checks.evaluation import literal_metric
from pytest_ouro.checks.evaluation.name_resolver import Names
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.python.source import dotted, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.python.source import Source

#: Beyond this a script can carry a payload: the largest of a thousand real ones had 59.7 KB.
MAX_BYTES = 64 * 1024
#: Modules that no script has a reason to write into, beside the harness.
_CLOCKS = ("time", "torch", "math", "builtins")
_PEEKING = (
    *("_getframe", "_current_frames", "f_back", "f_globals", "f_locals", "gi_frame", "getppid"),
    *("untyped_storage", "__array_interface__", "__globals__"),
)
_GC = ("get_objects", "get_referrers", "get_referents")
_SETTINGS = (
    "torch.backends.",
    *(f"torch.{part}.config." for part in ("_dynamo", "_inductor", "_functorch")),
)
_REFUSED = (
    "socket",
    "_socket",
    "ctypes",
    "_ctypes",
    "cffi",
    "subprocess",
    "pty",
    "unittest",
    "mock",
)
_STARTING = ("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn")
#: Methods by which a dictionary is written into.
_WRITING = ("update", "pop", "popitem", "setdefault", "clear", "__setitem__", "__delitem__")
#: Splits that only the evaluation reads.
HELD_OUT = ("val", "valid", "validation", "test", "eval")
_NOTED = (
    *("multiprocessing", "requests", "urllib", "http", "ftplib", "httpx", "aiohttp"),
    *("pickle", "signal", "inspect"),
)
#: Kinds of nodes, as tuples: a union would be built for each of thousands of nodes.
_ASSIGNING = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.For)
_BINDING = (ast.NamedExpr, ast.withitem)
_DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTING = (ast.Import, ast.ImportFrom)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_BRANCHING = (ast.If, ast.IfExp)
_NAMING = (ast.Name, ast.Attribute)
_LOOPS: tuple[type[ast.stmt | ast.expr], ...] = (
    *(ast.For, ast.AsyncFor, ast.While),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
#: All that one node alone can tell something of.
_TELLING = (*_ASSIGNING, *_BINDING, *_DEFINING, *_IMPORTING, ast.Call, ast.Attribute)


@dataclass(frozen=True)
class Construct:
    """One construct: ``what`` is its identity across versions, ``hard`` whether it fails a rule."""

    line: int
    what: str
    hard: bool = True


@dataclass(frozen=True)
class Script:
    """An editable file, and the harness whose measurement it must leave alone."""

    text: str
    harness: str
    evaluate: str
    loader: str
    metric: str

    @cached_property
    def constructs(self) -> tuple[Construct, ...]:
        """All constructs, in the order of lines. SyntaxError for text that is not Python."""
        try:
            found = [found for node in self._source.of(*_TELLING) for found in self._of(node)]
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
        """The local names of what is imported from the harness, by their names in the harness."""
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
        return Names(self._source, (*_CLOCKS, self.harness), ours)

    @cached_property
    def _strings(self) -> dict[str, set[str]]:
        """The strings that are assigned to each plain name anywhere."""
        found: dict[str, set[str]] = {}
        for node in self._source.of(ast.Assign):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, set()).add(node.value.value)
        return found

    def _guarded(self, node: ast.expr) -> str:
        """The protected module, or the part of it, that the node refers to."""
        meant = self._names.meant(node)
        return meant if meant.split(".")[0] in (*_CLOCKS, self.harness) else ""

    def _of(self, node: ast.AST) -> Iterator[Construct]:
        if isinstance(node, _ASSIGNING):
            yield from self._assigned(node)
        elif isinstance(node, _BINDING):
            target = node.target if isinstance(node, ast.NamedExpr) else node.optional_vars
            yield from self._bound(target) if target else ()
        elif isinstance(node, _DEFINING):
            if node.name in self._from_harness:
                yield Construct(node.lineno, f"redefines {node.name}, which {self.harness} defines")
        elif isinstance(node, ast.Call):
            yield from self._called(node)
        elif isinstance(node, ast.Attribute):
            base = dotted(node.value)
            if node.attr in _PEEKING or (base == "gc" and node.attr in _GC):
                yield Construct(node.lineno, f"reaches for {node.attr}")
            elif node.attr == "__dict__" and (meant := self._guarded(node.value)):
                yield Construct(node.lineno, f"reaches for __dict__ of {meant}")
        elif isinstance(node, _IMPORTING):
            yield from _imports(node)
            yield from self._reimported(node)

    def _assigned(
        self, node: ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete | ast.For
    ) -> Iterator[Construct]:
        if isinstance(node, ast.AnnAssign) and node.value is None:
            return
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        for target in targets:
            yield from self._bound(target)

    def _bound(self, target: ast.expr) -> Iterator[Construct]:
        for leaf in _leaves(target):
            if isinstance(leaf, ast.Name) and leaf.id in self._from_harness:
                yield self._rebinds(leaf.lineno, leaf.id)
            elif isinstance(leaf, ast.Attribute | ast.Subscript):
                yield from self._written_into(leaf)

    def _rebinds(self, line: int, local: str) -> Construct:
        return Construct(line, f"rebinds {self._from_harness[local]}, which {self.harness} defines")

    def _reimported(self, node: ast.Import | ast.ImportFrom) -> Iterator[Construct]:
        """A name of the harness that is imported from somewhere else as well."""
        if isinstance(node, ast.ImportFrom) and node.module == self.harness:
            return
        for alias in node.names:
            local = alias.asname or alias.name.split(".")[0]
            if local in self._from_harness:
                yield self._rebinds(node.lineno, local)

    def _written_into(self, leaf: ast.Attribute | ast.Subscript) -> Iterator[Construct]:
        """``prepare.x = …``, ``torch.nn.functional.x = …``, ``sys.modules["prepare"] = …``."""
        name = _written(leaf)
        base, meant = name.partition(".")[0], self._guarded(leaf.value)
        if name in ("globals()", "vars()", "locals()") and isinstance(leaf, ast.Subscript):
            key = leaf.slice.value if isinstance(leaf.slice, ast.Constant) else None
            if isinstance(key, str) and key in self._from_harness:
                yield self._rebinds(leaf.lineno, key)
        elif name.startswith("sys.modules.") or "sys.modules" in (
            name,
            self._names.meant(leaf.value),
        ):
            yield Construct(leaf.lineno, "writes into sys.modules")
        elif base in self._from_harness:
            if isinstance(leaf, ast.Attribute):
                yield Construct(
                    leaf.lineno, f"writes into {self._from_harness[base]} of {self.harness}"
                )
        elif meant and not _is_setting(self._names.meant(leaf) or meant):
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
        if prints and literal_metric.states(node, self.metric):
            yield Construct(node.lineno, f"prints a {self.metric} that is written in the source")
        for module in self._names.imported(node):
            yield from _refused(node.lineno, module)
        meant = self._names.meant(node.func)
        if meant.startswith(_STARTING):
            yield Construct(node.lineno, f"starts another program: {meant}")
        elif meant == "importlib.reload" and node.args and self._guarded(node.args[0]):
            yield Construct(node.lineno, f"reloads {self._guarded(node.args[0])}")
        if name == "getattr" and len(node.args) > 1:
            wanted = node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
            if wanted in _PEEKING:
                yield Construct(node.lineno, f"reaches for {wanted}")
        if name in ("open", "torch.save", "torch.load"):
            yield Construct(node.lineno, f"calls {name}", hard=False)
        if name in ("exec", "eval", "compile", "globals", "vars"):
            yield Construct(node.lineno, f"calls {name}", hard=False)
        if name in ("exec", "eval", "compile") and node.args:
            yield from self._executed(node)

    def _set_by_call(self, node: ast.Call, name: str) -> Iterator[Construct]:
        """``setattr(prepare, …)``, ``vars(prepare)``, ``sys.modules.update(…)``."""
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
        """The constructs in source text that is a literal and is executed."""
        text = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        if not isinstance(text, str):
            return
        imports = "\n".join(map(ast.unparse, self._source.of(*_IMPORTING)))
        parts = (self.harness, self.evaluate, self.loader, self.metric)
        with contextlib.suppress(SyntaxError):
            for found in Script(f"{imports}\n{text.strip()}\n", *parts).constructs:
                if found.line > imports.count("\n") + 1:
                    yield replace(found, line=node.lineno)

    def _is_harness(self, node: ast.expr, function: str) -> bool:
        return self._names.meant(node) == f"{self.harness}.{function}" or dotted(node) == function

    def _texts(self, call: ast.Call) -> Iterator[str]:
        """The strings passed to the loader, also by a variable or concatenated."""
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
        """A second call of the evaluation, or one in a loop; its name used for anything else."""
        of = self._source.of
        calls = [call for call in of(ast.Call) if self._is_harness(call.func, self.evaluate)]
        loops = [loop for loop in of(*_LOOPS) if any(_spans(loop, call) for call in calls)]
        repeated = {id(node) for loop in loops for node in _repeated(loop)}
        for call in calls:
            if id(call) in repeated:
                yield Construct(call.lineno, f"calls {self.evaluate} in a loop")
        for call in _in_turn(self._source.tree, calls)[1:] if len(calls) > 1 else ():
            yield Construct(call.lineno, f"calls {self.evaluate} again")
        called = {id(call.func) for call in calls}
        for name in of(ast.Name):
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
    """The constructs of a Script, cached: the blessed text is compared with many commits."""
    return Script(text, harness, evaluate, loader, metric).constructs


def _in_turn(node: ast.AST, calls: list[ast.Call]) -> list[ast.Call]:
    """The calls that one run can make: only one branch of each ``if`` counts."""
    if isinstance(node, _BRANCHING):
        test = _in_turn(node.test, calls)
        branches = []
        for branch in (node.body, node.orelse):
            nodes = branch if isinstance(branch, list) else [branch]
            branches.append([call for child in nodes for call in _in_turn(child, calls)])
        return test + max(branches, key=len)
    found = [node] if isinstance(node, ast.Call) and any(node is call for call in calls) else []
    for child in ast.iter_child_nodes(node):
        found += _in_turn(child, calls)
    return found


def _holds_text(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))


def _written(leaf: ast.Attribute | ast.Subscript) -> str:
    """The object that an assignment writes into, without indices; ``globals()`` for its result."""
    node: ast.expr = leaf if isinstance(leaf, ast.Attribute) else leaf.value
    while not (name := dotted(node)) and isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if name or not isinstance(node, ast.Call):
        return name
    return f"{dotted(node.func)}()"


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _leaves(element)
    elif isinstance(target, ast.Starred):
        yield from _leaves(target.value)
    else:
        yield target


def _is_setting(name: str) -> bool:
    """Whether the assignment is one of torch's documented settings."""
    return name.startswith(_SETTINGS)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[Construct]:
    if isinstance(node, ast.ImportFrom) and node.level:
        return
    names = (
        [alias.name for alias in node.names]
        if isinstance(node, ast.Import)
        else [node.module or ""]
    )
    for name in names:
        yield from _refused(node.lineno, name)
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name in _PEEKING or (node.module == "gc" and alias.name in _GC):
                yield Construct(node.lineno, f"reaches for {alias.name}")


def _refused(line: int, module: str) -> Iterator[Construct]:
    top = module.split(".")[0]
    if top in _REFUSED:
        yield Construct(line, f"imports {top}")
    elif top in _NOTED:
        yield Construct(line, f"imports {top}", hard=False)


def _spans(outer: ast.stmt | ast.expr, inner: ast.expr) -> bool:
    """Whether the lines of one node are among those of another."""
    return outer.lineno <= inner.lineno <= (outer.end_lineno or inner.lineno)


def _repeated(loop: ast.AST) -> Iterator[ast.AST]:
    """The nodes that a loop or comprehension repeats, without those of functions defined in it."""
    waiting = list(ast.iter_child_nodes(loop))
    for node in waiting:
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting += ast.iter_child_nodes(node)
