"""Find code in an editable file that interferes with the measurement, on its syntax tree.

This is a list of tripwires, not a fence: code that is not on it can still do harm. What is on it
has nearly no innocent use in a training script; what has some only warns.
"""

from __future__ import annotations

import ast
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from pytest_ouro.checks.evaluation.bindings import (
    ASSIGNING,
    NAMESPACES,
    owner_of,
    place_of,
    targets_of,
    whole_of,
    written_into,
)
from pytest_ouro.checks.evaluation.harmless import keeps_compile, keeps_print
from pytest_ouro.checks.evaluation.literal_metric import prints_literal
from pytest_ouro.checks.evaluation.modules import (
    SEARCHED,
    Construct,
    is_hidden,
    loader,
    modules_imported,
    outside_called,
    search_changed,
)
from pytest_ouro.checks.evaluation.name_resolver import is_module
from pytest_ouro.checks.evaluation.repetition import repetitions
from pytest_ouro.checks.evaluation.script import Script
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator


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
#: Calls that only warn.
_NOTED_CALLS = (
    *("open", "torch.save", "torch.load"),
    *("exec", "eval", "compile", "globals", "vars"),
)
#: Methods that change a dictionary, and other containers.
_WRITING = ("update", "pop", "popitem", "setdefault", "clear", "__setitem__", "__delitem__")
_CHANGING = (
    *(*_WRITING, "append", "extend", "insert", "remove", "sort", "reverse", "add", "discard"),
    *("fill", "fill_", "copy_", "zero_", "mul_", "add_", "__iadd__"),
)
_DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTING = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Tampering(Script):
    """Search a script, described by the fields of `Script`, for constructs that interfere with its
    measurement. The search is done when `constructs` is first read."""

    @cached_property
    def constructs(self) -> tuple[Construct, ...]:
        """All suspect constructs in the text, in the order of lines; a single one that is
        ``unread`` if the text is nested too deeply. SyntaxError if the text is not Python,
        LimitError as in `Source`."""
        try:
            kinds = (
                *(*ASSIGNING, *_DEFINING, *_IMPORTING),
                *(ast.Call, ast.Attribute, ast.arguments, ast.MatchAs),
            )
            found = [found for node in self._source.of(*kinds) for found in self._constructs(node)]
            found += self._evaluations()
        except RecursionError:
            found = [Construct(1, "is nested too deeply to be read", unread=True)]
        return tuple(sorted(found, key=lambda construct: construct.line))

    def _constructs(self, node: ast.AST) -> Iterator[Construct]:
        """Yield the suspect constructs that one node shows by itself, without the nodes below it;
        nothing if it shows none."""
        if isinstance(node, ASSIGNING):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            whole = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", 0)]
            for target in targets_of(node):
                yield from self._assigned(node, target, value if target in whole else None)
        elif isinstance(node, _DEFINING):
            if node.name in self._ours and not self._is_member(node):
                name = self._ours[node.name]
                yield Construct(node.lineno, f"redefines {name}, which {self.harness} defines")
        elif isinstance(node, ast.arguments):
            yield from self._defaults(node)
        elif isinstance(node, ast.MatchAs):
            if node.name in self._ours:
                yield self._rebinds(node.lineno, node.name)
        elif isinstance(node, ast.Call):
            yield from self._called(node)
        elif isinstance(node, ast.Attribute):
            if node.attr in _INTERNALS or (node.attr in _GC and dotted(node.value) == "gc"):
                yield Construct(node.lineno, f"reaches for {node.attr}")
            yield from loader(node.lineno, node.attr)
            if node.attr == "__dict__" and (meant := self._guarded(node.value)):
                yield Construct(node.lineno, f"reaches for __dict__ of {meant}")
        elif isinstance(node, _IMPORTING):
            yield from self._imported(node)

    def _assigned(
        self, node: ast.AST, target: ast.expr, value: ast.expr | None
    ) -> Iterator[Construct]:
        """Yield the suspect constructs of one target of the assignment ``node``. ``value`` is the
        assigned expression if the target gets all of it; None otherwise. Nothing for a ``print`` or
        ``torch.compile`` that is replaced by one of the same effect."""
        if isinstance(target, ast.Name) and target.id in self._ours:
            if not self._is_its_own(target.id, value) and not self._is_member(node):
                yield self._rebinds(target.lineno, target.id)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            meant, by = self._names.meant(target), (self._functions, self._names.meant)
            if value is not None and meant == "builtins.print" and keeps_print(value, *by):
                return
            if value is not None and meant == "torch.compile" and keeps_compile(value, *by):
                return
            yield from self._written_into(target)
        if (searched := self._names.meant(whole_of(target))) in SEARCHED:
            yield search_changed(target.lineno, searched)

    def _defaults(self, node: ast.arguments) -> Iterator[Construct]:
        """Yield a construct for each parameter in ``node`` that has the name of a constant of the
        harness and another value by default."""
        plain = [*node.posonlyargs, *node.args]
        pairs = [
            *zip(plain[len(plain) - len(node.defaults) :], node.defaults, strict=True),
            *zip(node.kwonlyargs, node.kw_defaults, strict=True),
        ]
        for arg, value in pairs:
            is_constant = arg.arg in self._ours and arg.arg.isupper()
            if is_constant and value is not None and not self._is_its_own(arg.arg, value):
                yield self._rebinds(arg.lineno, arg.arg)

    def _rebinds(self, line: int, local: str) -> Construct:
        """Return the construct that ``line`` gives ``local``, a key of `_ours`, another value."""
        return Construct(line, f"rebinds {self._ours[local]}, which {self.harness} defines")

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[Construct]:
        """Yield the suspect constructs of one import: modules that scripts have no or few reasons
        to import, attributes that reach the variables of other code or raw memory (`_INTERNALS`,
        `_GC`), and names of `_ours` that another module than the harness provides. Yield nothing
        for other imports."""
        yield from modules_imported(self._source, self._names, node)
        module = node.module if isinstance(node, ast.ImportFrom) else ""
        absolute = module and not getattr(node, "level", 0)
        for alias in node.names:
            if absolute and (alias.name in _INTERNALS or (module == "gc" and alias.name in _GC)):
                yield Construct(node.lineno, f"reaches for {alias.name}")
            local = alias.asname or alias.name.split(".")[0]
            source_module = module if isinstance(node, ast.ImportFrom) else alias.name
            ours = source_module == self.harness or (
                isinstance(node, ast.ImportFrom) and is_module(node, module or "", self.harness)
            )
            if local in self._ours and not ours:
                yield self._rebinds(node.lineno, local)

    def _written_into(self, leaf: ast.Attribute | ast.Subscript) -> Iterator[Construct]:
        """Yield a construct if ``leaf``, the target of an assignment, is in the harness, in a
        `PROTECTED` module (except for `_SETTINGS`) or in ``sys.modules`` (an item of an imported
        name of the harness only if that is in upper case); or if it sets a name of `_ours` in
        ``globals()``, ``vars()``, ``locals()`` or ``__main__``. Otherwise nothing."""
        name = written_into(leaf, self._names.value)
        base, meant = name.partition(".")[0], self._guarded(owner_of(leaf.value))
        if name in ("globals()", "vars()", "locals()") and isinstance(leaf, ast.Subscript):
            if (key := self._names.text(leaf.slice)) in self._ours:
                yield self._rebinds(leaf.lineno, key)
        elif self._names.meant(leaf.value) == "__main__" and isinstance(leaf, ast.Attribute):
            if leaf.attr in self._ours:
                yield self._rebinds(leaf.lineno, leaf.attr)
        elif (
            f"{name}.".startswith("sys.modules.") or self._names.meant(leaf.value) == "sys.modules"
        ):
            yield Construct(leaf.lineno, "writes into sys.modules")
        elif base in self._from_harness:
            if isinstance(leaf, ast.Attribute) or self._from_harness[base].isupper():
                yield Construct(
                    leaf.lineno, f"writes into {self._from_harness[base]} of {self.harness}"
                )
        elif meant and not (self._names.meant(leaf) or meant).startswith(_SETTINGS):
            module = self._guarded(ast.Name(base)) or meant
            yield Construct(leaf.lineno, f"writes into the module {module}: {place_of(leaf)}")

    def _called(self, node: ast.Call) -> Iterator[Construct]:
        """Yield the suspect constructs that one call shows, those in a literal text that it
        executes included; nothing if it shows none."""
        name = dotted(node.func)
        last = name.rpartition(".")[2]
        yield from self._set_by_call(node, name)
        loads = any(map(self._is_loader, (node.func, *node.args)))
        for split in self._splits.loaded(node, self._is_loader) if loads else ():
            if split != "train":
                yield Construct(node.lineno, f"loads the split '{split}', not 'train'")
        prints = (name == "print" or last == "write") and node.args
        if prints and prints_literal(node, self.metric):
            yield Construct(node.lineno, f"prints a {self.metric} that is written in the source")
        yield from outside_called(self._names, node)
        meant = self._names.meant(node.func)
        if meant == "importlib.reload" and node.args and self._guarded(node.args[0]):
            yield Construct(node.lineno, f"reloads {self._guarded(node.args[0])}")
        wanted = self._names.text(node.args[1]) if name == "getattr" and len(node.args) > 1 else ""
        if wanted in _INTERNALS:
            yield Construct(node.lineno, f"reaches for {wanted}")
        if name in _NOTED_CALLS:
            yield Construct(node.lineno, f"calls {name}", hard=False)
        if name in ("exec", "eval", "compile") and node.args:
            yield from self._executed(node)

    def _set_by_call(self, node: ast.Call, name: str) -> Iterator[Construct]:
        """Yield the suspect constructs of a call (of the dotted ``name``) that writes into a module
        or a script's names: ``setattr(prepare, …)``, ``globals().update(…)``; nothing for other
        calls."""
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if last in ("setattr", "delattr", "__setattr__", "__delattr__"):
            for one in (*node.args[:1], owner):
                if one is not None and self._guarded(one):
                    yield Construct(node.lineno, f"sets an attribute of {ast.unparse(one)}")
                elif one is not None and self._is_this_module(one):
                    named = [self._names.text(key) for key in node.args]
                    yield from (self._rebinds(node.lineno, k) for k in named if k in self._ours)
        elif name == "vars" and node.args and (meant := self._guarded(node.args[0])):
            yield Construct(node.lineno, f"reaches for __dict__ of {meant}")
        elif owner is not None and last in _WRITING:
            if self._names.meant(owner) == "sys.modules":
                yield Construct(node.lineno, "writes into sys.modules")
            elif isinstance(owner, ast.Call) and dotted(owner.func) in NAMESPACES:
                keys = {self._names.text(arg) for arg in node.args}
                for table in (arg for arg in node.args if isinstance(arg, ast.Dict)):
                    keys |= {self._names.text(key) for key in table.keys if key is not None}
                keys |= {keyword.arg or "" for keyword in node.keywords}
                for name in sorted(keys & self._ours.keys()):
                    yield self._rebinds(node.lineno, name)
        if owner is not None and last in _CHANGING:
            yield from self._changed(node, owner)

    def _changed(self, node: ast.Call, owner: ast.expr) -> Iterator[Construct]:
        """Yield a construct if ``node``, a call of a method that changes its object, changes a
        container of the harness; otherwise nothing. The container is ``owner``, the object of the
        method, or the first argument if ``owner`` is a type, as in
        ``list.append(prepare.TABLE, 1)``."""
        is_type = dotted(owner) in ("dict", "list", "set")
        changed = owner_of(node.args[0] if is_type and node.args else owner)
        meant = self._names.meant(changed)
        if meant.startswith(f"{self.harness}."):
            place = meant.removeprefix(f"{self.harness}.")
            yield Construct(node.lineno, f"changes {place} of {self.harness}")

    def _executed(self, node: ast.Call) -> Iterator[Construct]:
        """Yield the suspect constructs in the literal text that a call of ``exec``, ``eval`` or
        ``compile`` executes, at the line of the call. Literals that are added or joined are such a
        text.

        Yield one construct alone if the text is hidden (`is_hidden`), as by ``chr``, or is not
        Python; nothing if it is computed otherwise, or for a ``compile`` of one argument that is
        not Python, which may be another function.
        """
        text = self._names.text(node.args[0])
        if not text and is_hidden(node.args[0]):
            yield Construct(node.lineno, "executes a text that is spelled in parts")
        imports = "\n".join(map(ast.unparse, self._source.of(*_IMPORTING)))
        try:
            within = replace(self, text=f"{imports}\n{text.strip()}\n").constructs
        except SyntaxError:
            # Another function may have the name of compile, which takes two arguments at least.
            if dotted(node.func) != "compile" or len(node.args) > 1:
                yield Construct(node.lineno, "executes a text that cannot be read")
            return
        for found in within:
            if found.line > imports.count("\n") + 1:
                yield replace(found, line=node.lineno)

    def _evaluations(self) -> Iterator[Construct]:
        """Yield a construct for each place where a run can evaluate after a successful evaluation,
        and for each use, without a call, of the evaluation itself."""
        calls = [
            call for call in self._source.of(ast.Call) if self._is_harness(call.func, self.evaluate)
        ]
        for one in repetitions(self._source, calls):
            how = "in a loop" if one.in_loop else "again"
            yield Construct(one.line, f"calls {self.evaluate} {how}")
        called = {id(call.func) for call in calls}
        handed: list[ast.Name | ast.Attribute] = [
            name
            for name in self._source.of(ast.Name)
            if self._from_harness.get(name.id) == self.evaluate
        ]
        # Calls by a name that an assignment gives it are counted above.
        named = {id(assigned.value) for assigned in self._source.of(ast.Assign)}
        handed += [
            attribute
            for attribute in self._source.of(ast.Attribute)
            if attribute.attr == self.evaluate
            and id(attribute) not in named
            and self._is_harness(attribute, self.evaluate)
        ]
        for use in handed:
            if isinstance(use.ctx, ast.Load) and id(use) not in called:
                yield Construct(use.lineno, f"hands {self.evaluate} on without calling it")


@lru_cache(maxsize=256)
def constructs(
    text: str, harness: str, evaluate: str, loader: str, metric: str, taken: frozenset[str]
) -> tuple[Construct, ...]:
    """Return the suspect constructs of a script, cached; the arguments are the fields of `Script`.
    SyntaxError if the text is not Python, LimitError as in `Source`."""
    return Tampering(text, harness, evaluate, loader, metric, taken).constructs
