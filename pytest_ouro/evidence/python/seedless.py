"""Reduce Python code to a form without its seeds, so that a change of the seeds alone is
recognised."""

from __future__ import annotations

import ast
from collections import Counter

from pytest_ouro.evidence.python.assignments import one_assignment_each
from pytest_ouro.evidence.python.seeds import Seeds, is_seed_name, stores_seed


def seedless(tree: ast.Module, loader: str = "make_dataloader", *, is_program: bool = False) -> str:
    """Return a dump of a module's syntax tree without its seeds, as text; the tree itself is not
    changed. Two modules with equal dumps differ at most in the random numbers that they draw.

    Left out are the values of seeds, code that only sets or carries them, and random numbers and
    training batches (of the function ``loader``) that are drawn and not used; and unused
    constants if the module ``is_program``, that is, no other module imports it. Raise
    RecursionError if the tree is nested too deeply.
    """
    copy = one_assignment_each(ast.parse(ast.unparse(tree)))
    seeds = Seeds(copy, loader)
    reduced = _Reducer(seeds, is_program=is_program).visit(copy)
    while _inline_loaders(reduced, seeds):
        pass
    _drop_imports(reduced, seeds)
    return ast.dump(reduced)


#: Modules whose import changes nothing where it is not used.
_WITHOUT_EFFECT = frozenset({"hashlib", "math", "os", "random", "secrets", "sys", "time", "zlib"})

#: Functions that may read any variable.
_READ_ALL_NAMES = ("globals", "vars", "locals", "exec", "eval", "dir", "__import__", "getattr")


class _Reducer(ast.NodeTransformer):
    """Removes statements that only set or carry seeds or skip random numbers, and replaces other
    seeds by what does not show them. It changes the tree in place."""

    def __init__(self, seeds: Seeds, *, is_program: bool) -> None:
        self._seeds, self._names = seeds, seeds.names
        self._is_whole = is_program and not any(map(self._names.loads.get, _READ_ALL_NAMES))
        self._parameters = {
            name: [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
            for name, function in self._names.functions.items()
        }
        self._empty: set[str] = set()
        while empty := {name for name in self._names.functions if self._is_empty(name)}:
            self._empty |= empty

    def _is_empty(self, name: str) -> bool:
        """Return whether the plain function ``name`` (see `Names`) only sets seeds, and all of its
        calls, at least one, are statements that run at most once. Return False if ``name`` is in
        `_empty` already: the caller looks for further functions until it finds none."""
        function = self._names.functions[name]
        parameters = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
        calls = self._names.calls_of(function)
        return (
            name not in self._empty
            and parameters <= self._seeds.carriers
            and bool(calls)
            and all(map(self._is_dropped, function.body))
            and all(isinstance(self._names.parent(call), ast.Expr) for call in calls)
            and all(map(self._names.runs_once, calls))
        )

    def _is_dropped(self, statement: ast.stmt) -> bool:
        """Return whether a statement is left out: it only sets or carries seeds, draws random
        numbers or batches once without using them, defines or calls a function of ``_empty``, or is
        an ``if`` without side effects whose statements are all left out. In a program, also an
        unused constant."""
        seeds = self._seeds
        if isinstance(statement, ast.FunctionDef):
            return self._names.functions.get(statement.name) is statement and (
                statement.name in self._empty
            )
        if isinstance(statement, ast.If):
            parts = [*statement.body, *statement.orelse]
            return seeds.is_pure(statement.test) and all(map(self._is_dropped, parts))
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            name = _target(statement)
            discarded = name == "_" and not self._names.loads["_"]
            if name in seeds.carriers or (discarded and self._is_drawn_once(statement)):
                return True
            return self._is_whole and self._is_unused(name, statement)
        if isinstance(statement, ast.For):
            return self._discards(statement) and self._names.runs_once(statement)
        if not isinstance(statement, ast.Expr) or not self._names.runs_once(statement):
            return False
        value = statement.value
        called = self._names.called_function(value) if isinstance(value, ast.Call) else None
        empty = called is not None and called.name in self._empty
        return empty or seeds.seeds(value) or seeds.draws(value)

    def _is_unused(self, name: str, statement: ast.Assign | ast.AnnAssign) -> bool:
        """Return whether a top-level statement assigns a constant to a variable that the module
        never reads."""
        at_top = isinstance(self._names.parent(statement), ast.Module)
        unused = name and not self._names.loads[name] and self._names.is_variable(name)
        return bool(at_top and unused and isinstance(statement.value, ast.Constant))

    def _is_drawn_once(self, statement: ast.Assign | ast.AnnAssign) -> bool:
        """Return whether the value of an assignment is a call that draws random numbers or a batch,
        and the assignment runs at most once (`Names.runs_once`)."""
        drawn = statement.value is not None and self._seeds.draws(statement.value)
        return drawn and self._names.runs_once(statement)

    def _discards(self, loop: ast.For) -> bool:
        """Return whether a loop has the form ``for i in range(constant):``, and only draws random
        numbers or batches that are not used."""
        target, count = loop.target, loop.iter
        return (
            isinstance(target, ast.Name)
            and not self._names.loads[target.id]
            and isinstance(count, ast.Call)
            and self._names.resolve(count.func) == "range"
            and self._seeds.is_constant(count)
            and all(isinstance(s, ast.Expr) and self._seeds.draws(s.value) for s in loop.body)
        )

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Reduce a node and all nodes inside it in place, and return it: remove the statements that
        only concern seeds (`_without_seeds`), and write ``pass`` into a body that is empty then."""
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list) and statements:
                left = list(self._without_seeds(statements))
                setattr(node, name, left or ([ast.Pass()] if name == "body" else []))
        return super().generic_visit(node)

    def _without_seeds(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements that are kept, in order. Left out are those that `_is_dropped`
        drops; and an assignment whose next statement is equal to it, if it draws random numbers or
        a batch and runs at most once (`_is_drawn_once`), so that of several in a row the last is
        kept."""
        following = [*statements[1:], None]
        return [
            one
            for one, after in zip(statements, following, strict=True)
            if not self._is_dropped(one)
            and not (
                isinstance(one, ast.Assign)
                and isinstance(after, ast.Assign)
                and ast.dump(one) == ast.dump(after)
                and self._is_drawn_once(one)
            )
        ]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Reduce a function in place and return it; a plain one loses its parameters that carry
        seeds."""
        if self._names.functions.get(node.name) is node:
            self._drop_parameters(node.args)
        return self.generic_visit(node)

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        """Replace, by `_zero_if`, the defaults of parameters that have the name of a seed."""
        plain = [*node.posonlyargs, *node.args][::-1]
        node.defaults = [
            self._zero_if(is_seed_name(arg.arg), value)
            for arg, value in [*zip(plain, node.defaults[::-1], strict=False)][::-1]
        ]
        node.kw_defaults = [
            value and self._zero_if(is_seed_name(arg.arg), value)
            for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)
        ]
        return self.generic_visit(node)

    def _drop_parameters(self, spec: ast.arguments) -> None:
        """Remove the parameters that carry seeds, and their defaults, in place."""
        carriers = self._seeds.carriers
        plain = [*spec.posonlyargs, *spec.args]
        first = len(plain) - len(spec.defaults)
        kept = [arg.arg not in carriers for arg in plain[first:]]
        spec.defaults = [value for value, keep in zip(spec.defaults, kept, strict=True) if keep]
        kept = [arg.arg not in carriers for arg in spec.kwonlyargs]
        spec.kw_defaults = [v for v, keep in zip(spec.kw_defaults, kept, strict=True) if keep]
        for arguments in (spec.posonlyargs, spec.args, spec.kwonlyargs):
            arguments[:] = [arg for arg in arguments if arg.arg not in carriers]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return the reduced form of a call: ``Generator().manual_seed(1)`` becomes
        ``Generator()``, an ``islice`` that skips batches becomes the batches; any other call loses
        arguments that carry seeds, and its other seeds are replaced by `_zero_if`. In a call that
        may run several times, a seed that may differ each time stays visible, and so does whether
        there is a seed at all, since ``Random()`` draws other numbers each time."""
        names, seeds, carriers = self._names, self._seeds, self._seeds.carriers
        held = seeds.slots(node)
        once = not held or names.runs_once(node)  # without a seed it does not matter
        made = node.func.value if isinstance(node.func, ast.Attribute) else None
        if (
            isinstance(made, ast.Call)
            and seeds.seeds(node)
            and (once or all(map(seeds.is_constant, held)))
        ):
            return self.visit_Call(made)  # torch.Generator().manual_seed(1) is the generator
        if names.resolve(node.func) == "itertools.islice" and self._skips_batches(node):
            loader: ast.AST = self.visit(node.args[0])
            return loader
        slots = {id(slot) for slot in held if once or not _means_fresh(slot)}
        if once and seeds.is_seeded(node):
            node.keywords = [
                word
                for word in node.keywords
                if id(word.value) not in slots or not seeds.is_constant(word.value)
            ]
        if function := names.called_function(node):
            parameters = [*self._parameters[function.name], *[""] * len(node.args)]
            given = zip(node.args, parameters, strict=False)
            node.args = [value for value, name in given if name not in carriers]
            node.keywords = [word for word in node.keywords if word.arg not in carriers]
        node.args = [self._zero_if(id(arg) in slots, arg) for arg in node.args]
        for word in node.keywords:
            word.value = self._zero_if(id(word.value) in slots, word.value)
        if once and seeds.is_seeded(node) and len(node.args) == 1 and _is_zero(node.args[0]):
            node.args = []
        return super().generic_visit(node)

    def _skips_batches(self, call: ast.Call) -> bool:
        """Return whether a call ``islice(batches, n, None)`` skips the first ``n`` training
        batches: ``n`` is constant, and the call runs at most once."""
        args = call.args
        return (
            len(args) == 3
            and self._seeds.serves_batches(args[0])
            and self._seeds.is_constant(args[1])
            and isinstance(args[2], ast.Constant)
            and args[2].value is None
            and self._names.runs_once(call)
        )

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Reduce an assignment in place and return it; if it stores a seed, its value is replaced
        by `_zero_if`."""
        node.value = self._zero_if(self._stores_seed(node), node.value)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Reduce an assignment with a type in place and return it; if it stores a seed and has a
        value, this is replaced by `_zero_if`."""
        if node.value is not None:
            node.value = self._zero_if(self._stores_seed(node), node.value)
        return self.generic_visit(node)

    def _stores_seed(self, node: ast.Assign | ast.AnnAssign) -> bool:
        """Return whether all targets of an assignment have the name of a seed, such as
        ``config.seed``. False for a single plain name, which is left out with its assignment if it
        only carries a seed (`Seeds.carriers`), except in the body of a class, where a name is a
        field."""
        in_class = isinstance(self._names.parent(node), ast.ClassDef)
        return stores_seed(node) and (in_class or not _target(node))

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        """Reduce a dict in place and return it; values whose constant key is the name of a seed are
        replaced by `_zero_if`."""
        named = [isinstance(key, ast.Constant) and is_seed_name(key.value) for key in node.keys]
        pairs = zip(named, node.values, strict=True)
        node.values = [self._zero_if(is_named, value) for is_named, value in pairs]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return the constant 0 for a use of a name that carries a seed, otherwise the name."""
        is_seed = isinstance(node.ctx, ast.Load) and node.id in self._seeds.carriers
        return ast.Constant(0) if is_seed else node

    def _zero_if(self, is_seed: bool, value: ast.expr) -> ast.expr:
        """Return what replaces ``value``. If ``is_seed`` is false, or if ``value`` has side
        effects, this is ``value`` unchanged. If ``value`` is the same each time that it is computed
        (`Seeds.is_constant`), it is the constant 0. Otherwise it is a tuple of the names that
        ``value`` uses, without carriers of seeds, sorted, so that the form still shows on what the
        seed depends."""
        if not is_seed or not self._seeds.is_pure(value):
            return value
        if self._seeds.is_constant(value):
            return ast.Constant(0)
        names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
        names -= self._seeds.carriers
        return ast.Tuple([ast.Name(name, ast.Load()) for name in sorted(names)], ast.Load())


def _target(statement: ast.Assign | ast.AnnAssign) -> str:
    """Return the name that an assignment binds; "" unless it has exactly one target, a plain
    name."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    name = targets[0]
    return name.id if len(targets) == 1 and isinstance(name, ast.Name) else ""


def _means_fresh(node: ast.expr) -> bool:
    """Return whether an expression is the constant None, for which a function draws a new seed."""
    return isinstance(node, ast.Constant) and node.value is None


def _is_zero(node: ast.expr) -> bool:
    """Return whether an expression is a constant equal to 0, such as 0, 0.0 or False."""
    return isinstance(node, ast.Constant) and node.value == 0


class _Inliner(ast.NodeTransformer):
    """Replaces a variable that a loop iterates over by the variable's value, and removes the
    variable's assignment. ``values`` are the values, calls of the training loader, by variable."""

    def __init__(self, values: dict[str, ast.expr]) -> None:
        self._values = values

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Return None, which removes the assignment, if its target is a variable of ``values``;
        otherwise return the assignment."""
        return None if _target(node) in self._values else node

    def visit_For(self, node: ast.For) -> ast.AST:
        """Replace the variable that a loop iterates over by its value in ``values``, and remove
        ``iter(…)`` around what any loop iterates over; return the loop."""
        if isinstance(node.iter, ast.Name):
            node.iter = self._values.get(node.iter.id, node.iter)
        while _calls_iter(node.iter):
            node.iter = node.iter.args[0]  # type: ignore[attr-defined]
        return self.generic_visit(node)


def _calls_iter(node: ast.expr) -> bool:
    """Return whether an expression is a call of ``iter`` with one argument."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "iter"
        and len(node.args) == 1
    )


def _inline_loaders(tree: ast.AST, seeds: Seeds) -> bool:
    """Rewrite ``batches = load(); for batch in batches`` as ``for batch in load()`` in place, where
    ``batches`` has no other use; return whether anything was rewritten. The two must be equal
    because code that skips a batch needs the variable."""
    nodes = list(ast.walk(tree))
    loads = Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    looped = {n.iter.id for n in nodes if isinstance(n, ast.For) and isinstance(n.iter, ast.Name)}
    values = {
        name: store.value
        for name in seeds.loaders & looped
        for store in seeds.names.assigned[name]
        if loads[name] == 1 and isinstance(store, ast.Assign)
    }
    _Inliner(values).visit(tree)
    return bool(values)


def _drop_imports(tree: ast.AST, seeds: Seeds) -> None:
    """Remove, in place, the imports of names that ``tree`` no longer uses and that the whole module
    used, from which ``seeds`` was made: only dropped code used them. Unused imports of modules that
    do nothing when they are imported, such as ``random``, are removed in any case."""
    left = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    unused = {
        name
        for name, full in seeds.names.aliases.items()
        if name not in left
        if seeds.names.loads[name] or full.partition(".")[0] in _WITHOUT_EFFECT
    }
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Import | ast.ImportFrom):
                statement.names = [
                    alias
                    for alias in statement.names
                    if (alias.asname or alias.name.partition(".")[0]) not in unused
                ]
        if isinstance(body, list):
            body[:] = [s for s in body if getattr(s, "names", True)]
