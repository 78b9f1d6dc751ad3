"""Find where a module's names are bound and used, by its syntax tree alone."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = TypeVar("Node", bound=ast.AST)
Assignment = ast.Assign | ast.AnnAssign

#: Nodes whose parts may run several times, or later.
_REPEATED = (
    *(ast.For, ast.AsyncFor, ast.While, ast.ClassDef, ast.Lambda, ast.AsyncFunctionDef),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
#: Statements and patterns that bind their ``name``.
_DEFINITIONS = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar),
)


class Names:
    """The bindings and uses of the names in one module. Scopes are ignored: equal identifiers are
    one name.

    These attributes are dicts by name. ``loads`` has the uses of the name; ``assigned`` its plain
    assignments (``x = …`` or ``x: T = …``, with no other target); ``parameters`` the plain
    functions that have a parameter of this name; ``functions`` the plain function of this name;
    ``aliases`` the full name of what is imported under it. A plain function is a ``def`` at the top
    of the module, the only definition of its name, without decorators, ``*args`` and ``**kwargs``,
    whose name is used only in calls without ``*`` and ``**``.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._nodes = list(ast.walk(tree))
        self._parents = {
            id(child): node for node in self._nodes for child in ast.iter_child_nodes(node)
        }
        self.calls = self.nodes(ast.Call)
        self.loads: dict[str, list[ast.Name]] = defaultdict(list)
        self.assigned: dict[str, list[Assignment]] = defaultdict(list)
        self.parameters: dict[str, list[ast.FunctionDef]] = defaultdict(list)
        self._bound_otherwise: set[str] = set()
        for name in self.nodes(ast.Name):
            self._read_name(name)
        self.aliases = dict(self._read_imports())
        self.functions = self._find_functions(tree)
        #: The functions and classes that the module defines, and other names bound by a statement.
        self.defined = set(self._names_of_definitions())
        self._bound_otherwise |= self.aliases.keys() | self.defined
        self._read_parameters()

    def nodes(self, kind: type[Node]) -> list[Node]:
        """Return the nodes of the module of this type or a subclass, each before those inside
        it."""
        return [node for node in self._nodes if isinstance(node, kind)]

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the parent of a node in the syntax tree; None for the module."""
        return self._parents.get(id(node))

    def resolve(self, node: ast.expr) -> str:
        """Return the full dotted name of a name or attribute chain, in which an imported first part
        is replaced by what was imported; "" for any other expression."""
        root, dot, rest = dotted(node).partition(".")
        return self.aliases.get(root, root) + dot + rest

    def is_variable(self, name: str) -> bool:
        """Return whether a name is bound by nothing but plain assignments and parameters of plain
        functions (see `Names`); True also for a name that is not bound at all. Return False if the
        name occurs directly in a statement of a class body."""
        return name not in self._bound_otherwise

    def calls_of(self, function: ast.FunctionDef) -> list[ast.Call]:
        """Return the calls in the module of a plain function (see `Names`), in the order of the
        tree; [] for any other function."""
        return [call for call in self.calls if self.called_function(call) is function]

    def called_function(self, call: ast.Call) -> ast.FunctionDef | None:
        """Return the plain function (see `Names`) that a call calls by its name; None if it calls
        anything else."""
        return self.functions.get(call.func.id) if isinstance(call.func, ast.Name) else None

    def runs_once(self, node: ast.AST, within: tuple[ast.AST, ...] = ()) -> bool:
        """Return whether a node runs at most once each time that the module runs, for each place in
        the module that calls the functions around it. For a plain function (see `Names`), the
        answer is about its body.

        The node must not be in a loop (except in what a ``for`` iterates over), comprehension,
        class, lambda or ``async def``. Each function around it must be plain, not recursive, and
        called only from nodes that run once. ``within`` are the functions already visited.
        """
        current: ast.AST | None = node
        inner: ast.AST = node
        while current is not None:
            first = isinstance(current, ast.For | ast.AsyncFor) and current.iter is inner
            if isinstance(current, _REPEATED) and current is not node and not first:
                return False
            if isinstance(current, ast.FunctionDef):
                if self.functions.get(current.name) is not current or current in within:
                    return False
                calls = self.calls_of(current)
                return all(self.runs_once(call, (*within, current)) for call in calls)
            inner, current = current, self.parent(current)
        return True

    def arguments(self, function: ast.FunctionDef, parameter: str) -> Iterator[ast.expr]:
        """Yield the values that a parameter of a plain function may get: its default, if any, and
        what each call passes for it, by position or name. Yield nothing if there is no such
        parameter."""
        spec = function.args
        plain = [*spec.posonlyargs, *spec.args]
        defaults = [*zip(plain[::-1], spec.defaults[::-1], strict=False)]
        defaults += [*zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]  # type: ignore[list-item]
        yield from (value for arg, value in defaults if arg.arg == parameter and value is not None)
        for call in self.calls_of(function):
            given = [*zip((arg.arg for arg in plain), call.args, strict=False)]
            given += [(word.arg or "", word.value) for word in call.keywords]
            yield from (value for name, value in given if name == parameter)

    def _read_name(self, name: ast.Name) -> None:
        """Record a name as a use, as bound by a plain assignment, or as bound in another way."""
        statement = self.parent(name)
        one = isinstance(statement, ast.Assign) and statement.targets == [name]
        if isinstance(name.ctx, ast.Load):
            self.loads[name.id].append(name)
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and (
            one or (isinstance(statement, ast.AnnAssign) and statement.value is not None)
        ):
            self.assigned[name.id].append(statement)
        else:
            self._bound_otherwise.add(name.id)
        if isinstance(self.parent(statement) if statement else None, ast.ClassDef):
            self._bound_otherwise.add(name.id)

    def _read_imports(self) -> Iterator[tuple[str, str]]:
        """Yield the local name and the full name of each import: ``a`` and ``a`` for ``import
        a.b``, ``c`` and ``a.b`` for ``from a import b as c``."""
        for statement in self.nodes(ast.Import):
            for alias in statement.names:
                first = alias.name.partition(".")[0]
                yield alias.asname or first, alias.name if alias.asname else first
        for from_ in self.nodes(ast.ImportFrom):
            for alias in from_.names:
                yield alias.asname or alias.name, f"{from_.module or ''}.{alias.name}"

    def _names_of_definitions(self) -> Iterator[str]:
        """Yield each name that a function, class, ``except``, ``match`` pattern, ``global`` or
        ``nonlocal`` binds; a name that several of these bind is yielded several times."""
        for node in self._nodes:
            if isinstance(node, _DEFINITIONS) and node.name:
                yield node.name
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                yield from node.names
            elif isinstance(node, ast.MatchMapping) and node.rest:
                yield node.rest

    def _find_functions(self, tree: ast.Module) -> dict[str, ast.FunctionDef]:
        """Return the plain functions of the module (see `Names`), by name."""
        names = list(self._names_of_definitions())
        return {
            function.name: function
            for function in tree.body
            if isinstance(function, ast.FunctionDef)
            if names.count(function.name) == 1 and function.name not in self.assigned
            if not (function.decorator_list or function.args.vararg or function.args.kwarg)
            if all(self._is_plain_call(load) for load in self.loads[function.name])
        }

    def _is_plain_call(self, load: ast.Name) -> bool:
        """Return whether this use of a name calls it, without ``*`` and ``**``."""
        call = self.parent(load)
        return (
            isinstance(call, ast.Call)
            and call.func is load
            and not any(isinstance(arg, ast.Starred) for arg in call.args)
            and all(word.arg for word in call.keywords)
        )

    def _read_parameters(self) -> None:
        """Record the parameters of plain functions in ``parameters``, and those of all others as
        names bound in another way."""
        plain = {id(function.args): function for function in self.functions.values()}
        for spec in self.nodes(ast.arguments):
            every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
            for name in (arg.arg for arg in every if arg is not None):
                if function := plain.get(id(spec)):
                    self.parameters[name].append(function)
                else:
                    self._bound_otherwise.add(name)
