"""What the names in an editable file mean: what is the harness's, what a module's, what its own."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.checks.evaluation.bindings import names_taken
from pytest_ouro.checks.evaluation.loaded_splits import Splits
from pytest_ouro.checks.evaluation.name_resolver import Names, is_module
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.python.source import dotted, source

if TYPE_CHECKING:
    from pytest_ouro.evidence.python.source import Source

#: Modules that no script has a reason to write into, beside the harness.
PROTECTED = ("time", "torch", "math", "builtins")


@dataclass(frozen=True)
class Script:
    """The text of an editable file, and the names of the harness that measures it.

    ``harness`` is a dotted module, ``evaluate`` and ``loader`` are its functions, and ``metric`` is
    the name of the metric. ``taken`` are constants and functions that the trusted version of the
    file takes from the harness.
    """

    text: str
    harness: str
    evaluate: str
    loader: str
    metric: str
    taken: frozenset[str] = frozenset()

    @cached_property
    def _source(self) -> Source:
        """The text as a `Source`, parsed when its tree is first needed: errors come then."""
        return source(self.text)

    @cached_property
    def _from_harness(self) -> dict[str, str]:
        """A dict from the local name of each thing that the script imports from the harness to its
        name there. ``from … import *`` counts as the evaluation and the loader."""
        names: dict[str, str] = {}
        for node in self._source.of(ast.ImportFrom):
            if is_module(node, node.module or "", self.harness):
                names.update({alias.asname or alias.name: alias.name for alias in node.names})
        if names.pop("*", ""):
            names.update({name: name for name in (self.evaluate, self.loader)})
        return names

    @cached_property
    def _ours(self) -> dict[str, str]:
        """A dict from each name of the script that may have only the harness's value to its name in
        the harness. These are the names that the script imports from the harness, the constants
        that it takes from the harness, those in ``taken``, and the names of the harness itself."""
        taken = self.taken | names_taken(self.text, self.harness, ())
        modules = {
            alias.asname: self.harness
            for node in self._source.of(ast.Import)
            for alias in node.names
            if alias.asname and alias.name == self.harness
        }
        own = {self.harness: self.harness} if self.harness in self._source.imports else {}
        return {**{name: name for name in taken}, **own, **modules, **self._from_harness}

    @cached_property
    def _functions(self) -> dict[str, ast.FunctionDef]:
        """The functions of the script by name, methods and inner functions included, asynchronous
        ones not."""
        return {function.name: function for function in self._source.of(ast.FunctionDef)}

    @cached_property
    def _names(self) -> Names:
        """What resolves names of the harness and of the `PROTECTED` modules to real ones."""
        ours = {local: f"{self.harness}.{name}" for local, name in self._from_harness.items()}
        return Names(self._source, (*PROTECTED, self.harness), ours)

    @cached_property
    def _splits(self) -> Splits:
        """The data splits that the script's expressions name."""
        return Splits(self._source)

    def _guarded(self, node: ast.expr) -> str:
        """Return the real name of ``node`` if that is the harness, a `PROTECTED` module, or
        something in one of them; "" for any other expression."""
        meant = self._names.meant(node)
        ours = f"{meant}.".startswith(f"{self.harness}.")
        return meant if ours or meant.split(".")[0] in PROTECTED else ""

    def _is_its_own(self, name: str, value: ast.expr | None) -> bool:
        """Return whether ``value`` is the harness, or the attribute of the harness for which
        ``name``, a key of `_ours`, stands. False if ``value`` is None."""
        meant = self._names.meant(value) if value is not None else ""
        return meant in (f"{self.harness}.{self._ours[name]}", self.harness)

    def _is_member(self, node: ast.AST) -> bool:
        """Return whether a statement is directly in the body of a class; the names that it binds
        are not global then."""
        return any(node in cls.body for cls in self._source.of(ast.ClassDef))

    def _is_this_module(self, node: ast.expr) -> bool:
        """Return whether an expression is ``sys.modules`` or an item of it, such as
        ``sys.modules[__name__]``: that may be the script itself."""
        owner = node.value if isinstance(node, ast.Subscript) else node
        return self._names.meant(owner) == "sys.modules"

    def _is_harness(self, node: ast.expr, function: str) -> bool:
        """Return whether an expression is the harness's ``function``, by its real name or by the
        bare name ``function``."""
        return self._names.meant(node) == f"{self.harness}.{function}" or dotted(node) == function

    def _is_loader(self, node: ast.expr) -> bool:
        """Return whether an expression is the harness's loader."""
        return self._is_harness(node, self.loader)
