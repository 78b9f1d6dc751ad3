"""Constructs in an editable file that touch the measurement, found on its syntax tree.

A list of tripwires, not a fence: what is not on it is not therefore innocent. Each has nearly no
innocent use in a training script; what has one only warns.
"""

from __future__ import annotations

import ast
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from pytest_ouro.evidence.source import dotted, imported, source
from pytest_ouro.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.source import Source

#: Beyond this a script can carry a payload: the largest of a thousand real ones had 59.7 KB.
MAX_BYTES = 64 * 1024
#: Modules that no script has a reason to write into, beside the harness.
_CLOCKS = ("time", "torch", "math", "builtins")
_PEEKING = ("_getframe", "untyped_storage", "__array_interface__", "__globals__", "f_locals")
_GC = ("get_objects", "get_referrers", "get_referents")
_SETTINGS = (
    "torch.backends.",
    *(f"torch.{part}.config." for part in ("_dynamo", "_inductor", "_functorch")),
)
_REFUSED = ("socket", "ctypes", "subprocess")
_NOTED = ("multiprocessing", "requests", "urllib", "http", "pickle", "signal", "inspect")
#: Kinds of nodes, as tuples: a union would be made anew for each of thousands of nodes.
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
        """Everything found, in the order of lines. SyntaxError where the text is no Python."""
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
        """Local names of what is imported from the harness, by what they are called there."""
        names: dict[str, str] = {}
        for node in self._source.of(ast.ImportFrom):
            if node.module == self.harness:
                names.update({alias.asname or alias.name: alias.name for alias in node.names})
        if names.pop("*", ""):
            names.update({name: name for name in (self.evaluate, self.loader)})
        return names

    @cached_property
    def _aliases(self) -> dict[str, str]:
        """What is imported from the harness, by these and by the names it is then given."""
        return {**self._from_harness, **self._renamed(self._from_harness)}

    def _renamed(self, names: dict[str, str]) -> dict[str, str]:
        """``short = long.name`` for what ``names`` has by its long name."""
        found = {}
        for node in self._source.of(ast.Assign):
            if isinstance(node.value, _NAMING):
                base, dot, rest = dotted(node.value).partition(".")
                for target in node.targets:
                    if base in names and isinstance(target, ast.Name):
                        found[target.id] = f"{names[base]}{dot}{rest}"
        return {name: real for name, real in found.items() if name not in names}

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

    @cached_property
    def _modules(self) -> dict[str, str]:
        """Local names of the modules that no script may write into, by their real names."""
        names = {"__builtins__": "builtins"}
        for plain in self._source.of(ast.Import):
            for alias in plain.names:
                top = alias.name.split(".")[0]
                if top in (*_CLOCKS, self.harness):
                    names[alias.asname or top] = alias.name if alias.asname else top
        for node in self._source.of(ast.ImportFrom):
            if node.module in ("torch", "torch.nn"):
                for alias in node.names:
                    if alias.name in ("nn", "functional", "cuda", "Tensor"):
                        names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return {**names, **self._renamed(names)}

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
            elif node.attr == "__dict__" and base in self._modules:
                yield Construct(node.lineno, f"reaches for __dict__ of {self._modules[base]}")
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
        base, _, rest = name.partition(".")
        if name in ("globals()", "vars()", "locals()") and isinstance(leaf, ast.Subscript):
            key = leaf.slice.value if isinstance(leaf.slice, ast.Constant) else None
            if isinstance(key, str) and key in self._from_harness:
                yield self._rebinds(leaf.lineno, key)
        elif name == "sys.modules" or name.startswith("sys.modules."):
            yield Construct(leaf.lineno, "writes into sys.modules")
        elif name == f"{self.harness}()":
            yield Construct(leaf.lineno, f"writes into the module {self.harness}")
        elif base in self._modules and not _is_setting(self._modules[base], rest):
            yield Construct(leaf.lineno, f"writes into the module {self._modules[base]}: {name}")
        elif base in self._from_harness and isinstance(leaf, ast.Attribute):
            yield Construct(
                leaf.lineno, f"writes into {self._from_harness[base]} of {self.harness}"
            )

    def _called(self, node: ast.Call) -> Iterator[Construct]:
        name = dotted(node.func)
        last = name.rpartition(".")[2]
        if name in ("setattr", "delattr") and node.args:
            base = dotted(node.args[0]).partition(".")[0]
            if base in self._modules or base in self._from_harness:
                yield Construct(node.lineno, f"sets an attribute of {dotted(node.args[0])}")
        if self._is_harness(name, self.loader):
            for split in self._texts(node):
                if split != "train":
                    yield Construct(node.lineno, f"loads the split '{split}', not 'train'")
        if (name == "print" or last == "write") and node.args:
            yield from self._printed(node)
        for module in imported(node):
            yield from _refused(node.lineno, module)
        if name == "getattr" and len(node.args) > 1:
            wanted = node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
            if wanted in _PEEKING:
                yield Construct(node.lineno, f"reaches for {wanted}")
        if name in ("open", "torch.save", "torch.load"):
            yield Construct(node.lineno, f"calls {name}", hard=False)
        if name in ("exec", "eval", "compile", "globals", "vars"):
            yield Construct(node.lineno, f"calls {name}", hard=False)

    def _is_harness(self, name: str, function: str) -> bool:
        base, dot, last = name.partition(".")
        if dot:
            return last == function and self._modules.get(base) == self.harness
        return self._aliases.get(name) == function or name == function

    def _texts(self, call: ast.Call) -> Iterator[str]:
        """The strings that the loader gets, also by a name or put together."""
        for value in (*call.args, *(k.value for k in call.keywords if k.arg == "split")):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
            elif isinstance(value, ast.Name):
                yield from sorted(self._strings.get(value.id, ()))
            elif isinstance(value, ast.JoinedStr) or (
                isinstance(value, ast.BinOp) and _holds_text(value)
            ):
                yield ast.unparse(value)

    def _printed(self, node: ast.Call) -> Iterator[Construct]:
        """A metric line whose number stands in the source."""
        first, *rest = node.args
        text = ""
        if isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mod):
            rest, first = [first.right], first.left
        elif (
            isinstance(first, ast.Call)
            and isinstance(first.func, ast.Attribute)
            and first.func.attr == "format"
        ):
            rest, first = first.args, first.func.value
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            text = first.value
            number = rest[0].value if rest and isinstance(rest[0], ast.Constant) else None
            label, found, _ = text.partition(f"{self.metric}:")
            if isinstance(number, float) and found:
                text = f"{label}{found} {number}"
        elif isinstance(first, ast.JoinedStr):
            text = "".join(_spelled(part) for part in first.values)
        before, found, value = text.partition(f"{self.metric}:")
        # The metric is read from the start of a line; behind words it is but mentioned.
        prose = re.search("[A-Za-z]{2}", re.split(r"[\r\n]", before)[-1])
        if found and value.strip()[:1].isdigit() and not prose:
            yield Construct(node.lineno, f"prints a {self.metric} that is written in the source")

    def _evaluations(self) -> Iterator[Construct]:
        """A second call of the evaluation, or one in a loop; its name used for anything else."""
        of = self._source.of
        calls = [
            call for call in of(ast.Call) if self._is_harness(dotted(call.func), self.evaluate)
        ]
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
    """The constructs of a Script: of many commits the blessed text is judged once."""
    return Script(text, harness, evaluate, loader, metric).constructs


def _in_turn(node: ast.AST, calls: list[ast.Call]) -> list[ast.Call]:
    """Those of the calls that one run can make: of the branches of an ``if`` it takes one."""
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


def _spelled(part: ast.expr) -> str:
    """A part of an f-string as it will be printed; a NUL for what only a run would tell."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    return str(value.value) if isinstance(value, ast.Constant) else "\0"


def _holds_text(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))


def _written(leaf: ast.Attribute | ast.Subscript) -> str:
    """What an assignment writes into, up to the first index; ``name()`` for what a call returns:
    ``globals()``, or the module that ``import_module("name")`` gives."""
    node: ast.expr = leaf if isinstance(leaf, ast.Attribute) else leaf.value
    while not (name := dotted(node)) and isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if name or not isinstance(node, ast.Call):
        return name
    return f"{next(iter(imported(node)), dotted(node.func))}()"


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _leaves(element)
    elif isinstance(target, ast.Starred):
        yield from _leaves(target.value)
    else:
        yield target


def _is_setting(module: str, attribute: str) -> bool:
    """Assignments that torch documents as its way to be configured."""
    name = f"{module}.{attribute}"
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
    """What a loop or comprehension does again and again: not what a function in it does."""
    waiting = list(ast.iter_child_nodes(loop))
    for node in waiting:
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting += ast.iter_child_nodes(node)
