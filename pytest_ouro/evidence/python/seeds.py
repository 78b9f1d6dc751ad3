"""Find the seeds in Python code: the calls, variables and parameters that only set or carry
them.

Two scripts that differ only in these differ at most in the random numbers that they draw.
Anything that is not understood is not taken for a seed, so that no other change is taken for a
change of seeds.
"""

from __future__ import annotations

import ast
import builtins
import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.python.names import Assignment, Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Most runs need few of these patterns, so that each is compiled when it is first used.
#: Names of a variable, a parameter, a key or an option that holds a seed.
_NAME = (
    r"(?i)-*((rng|random|manual|global|base|torch|np|numpy|init|train|model|data)[_-]?)?"
    r"seed([_-]?(value|val|number))?|-*random[_-]state"
)


class Functions(NamedTuple):
    """Functions and methods by their full names: those whose last part is in ``last``, those whose
    last two parts are in ``ends``, and those in ``whole``."""

    last: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Return whether ``name``, a full dotted name, is that of one of the functions."""
        outer, _, last = name.rpartition(".")
        end = f"{outer.rpartition('.')[2]}.{last}"
        return last in self.last or end in self.ends or name in self.whole


def _names(start: str, words: str) -> frozenset[str]:
    """Return the words, which spaces divide, each behind ``start``."""
    return frozenset(f"{start}{word}" for word in words.split())


#: Functions that only seed global generators, or one object's.
_SEEDS = Functions(
    last=_names("", "manual_seed manual_seed_all seed_all seed_everything")
    | _names("set_", "seed seeds random_seed random_seeds rng_seed rng_seeds")
    | _names("set_", "global_seed global_seeds"),
    ends=_names("random.", "seed set_seed"),
    whole=_names("torch.", "seed seed_all cuda.seed cuda.seed_all"),
)
#: Functions whose first argument seeds their object, or the generator or key that they return.
_SEEDED = Functions(
    last=_names("", "seed default_rng RandomState SeedSequence PRNGKey PCG64 PCG64DXSM Philox")
    | _names("", "MT19937 SFC64"),
    ends=_names("random.", "key"),
    whole=_names("random.", "Random"),
)
#: Functions that draw random numbers and do nothing else.
_DRAWS = Functions(
    whole=_names("torch.", "rand randn randint randperm")
    | _names("numpy.random.", "rand randn random randint uniform normal")
    | _names("random.", "random randint randrange getrandbits uniform gauss")
)
#: Functions without side effects, and such methods of values.
_PURE = (
    r"int|float|abs|hash|len|ord|round|str|bytes|sum|min|max|pow|bool|hex|repr|range"
    r"|int\.from_bytes|math\.\w+|hashlib\.\w+|zlib\.\w+|secrets\.rand\w+|os\.(getpid|getenv)"
    r"|time\.(time|monotonic|perf_counter)(_ns)?|os\.environ\.get|torch\.initial_seed"
    r"|torch\.(cuda|mps|backends\.mps)\.is_available"
)
#: Those of these functions that may return another value each time.
_CHANGING = r"secrets\.rand\w+|time\.\w+|torch\.initial_seed"
_PURE_METHODS = frozenset({"encode", "digest", "hexdigest", "bit_length", "strip", "lower"})
#: Libraries whose functions take numbers for sizes and values.
_NUMERIC = frozenset({"torch", "numpy", "math", "jax", "tensorflow", "mlx", "random"})
_IMPURE = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda)


def is_seed_name(name: object) -> bool:
    """Return whether ``name`` is a text that names a seed, in any case: ``seed``, with a usual word
    around it (``torch_seed``, ``seed_value``) or without, or ``random_state``, also after dashes.
    False for any other text, such as ``my_seed``, and for anything but a text."""
    return isinstance(name, str) and bool(re.fullmatch(_NAME, name))


class Seeds:
    """The seeds of a module. ``carriers`` are the variables and parameters that only carry seeds;
    ``loaders`` are the variables that hold the training batches, which the function ``loader``
    returns."""

    def __init__(self, tree: ast.Module, loader: str) -> None:
        self.names = Names(tree)
        self._loader = loader
        self.loaders: set[str] = set()
        for _ in range(2):  # a loader, and an iterator of it
            self.loaders = {name for name in self.names.assigned if self._holds_batches(name)}
        self.carriers: set[str] = set()
        self.carriers = self._find_carriers()

    # --- expressions -----------------------------------------------------------------------------

    def is_pure(self, node: ast.AST) -> bool:
        """Return whether an expression is known to have no side effects: each of its calls is (see
        `_is_pure_call`), such as those of ``int`` or ``time.time``, and it has no ``await``,
        ``yield``, ``:=`` or ``lambda``."""
        parts = list(ast.walk(node))
        calls = [part for part in parts if isinstance(part, ast.Call)]
        return not any(isinstance(part, _IMPURE) for part in parts) and all(
            map(self._is_pure_call, calls)
        )

    def _is_pure_call(self, call: ast.Call) -> bool:
        """Return whether a call calls a function known to have no side effects, or such a method of
        an expression other than a name, as in ``str(x).encode()``; its arguments are not
        examined."""
        if name := self.names.resolve(call.func):
            return bool(re.fullmatch(_PURE, name)) and name not in self.names.functions
        return isinstance(call.func, ast.Attribute) and call.func.attr in _PURE_METHODS

    def is_constant(self, node: ast.AST) -> bool:
        """Return whether an expression has one value in a run of the module: it has no side effects
        and uses only literals, carriers of seeds, and functions of these. A function whose results
        change, such as ``time.time`` (`_CHANGING`), may be used where code runs at most once."""
        if not self.is_pure(node):
            return False
        functions = [
            (name, part.func)
            for part in ast.walk(node)
            if isinstance(part, ast.Call) and (name := self.names.resolve(part.func))
        ]
        changes = any(re.fullmatch(_CHANGING, name) for name, _ in functions)
        called = {id(part) for _, function in functions for part in ast.walk(function)}
        names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
        return all(name.id in self.carriers or id(name) in called for name in names) and (
            not changes or self.names.runs_once(node)
        )

    def seeds(self, node: ast.AST) -> bool:
        """Return whether an expression is a call that does nothing but set a seed, such as
        ``torch.manual_seed(1)`` (`_SEEDS`), with arguments that have no side effects."""
        return (
            isinstance(node, ast.Call)
            and self._is_call_of(node, _SEEDS)
            and all(map(self.is_pure, self.slots(node)))
        )

    def is_seeded(self, call: ast.Call) -> bool:
        """Return whether a call's first argument, if it has one, seeds a generator or key that the
        call makes, or the object whose method it is, as in ``default_rng(1)`` (`_SEEDED`)."""
        return self._is_call_of(call, _SEEDED)

    def draws(self, node: ast.AST) -> bool:
        """Return whether an expression is a call that does nothing but draw: random numbers, such
        as ``torch.rand(2)`` (`_DRAWS`), with positional arguments that have no side effects; or a
        training batch by ``next(…)``."""
        if not isinstance(node, ast.Call):
            return False
        if self.names.resolve(node.func) == "next" and node.args:
            return self.serves_batches(node.args[0])
        return self._is_call_of(node, _DRAWS) and all(map(self.is_pure, node.args))

    def serves_batches(self, node: ast.AST) -> bool:
        """Return whether an expression yields the training batches: a call of the loader,
        ``iter(…)`` of one, or a variable that holds either."""
        if isinstance(node, ast.Name):
            return node.id in self.loaders
        if not isinstance(node, ast.Call):
            return False
        name = self.names.resolve(node.func)
        if name == "iter" and node.args:
            return self.serves_batches(node.args[0])
        return name.rpartition(".")[2] == self._loader

    def _holds_batches(self, name: str) -> bool:
        """Return whether a variable holds the training batches: it is assigned exactly once and
        bound in no other way, to the loader's call or an iterator of it."""
        values = [store.value for store in self.names.assigned[name]]
        return (
            len(values) == 1
            and values[0] is not None
            and self.names.is_variable(name)
            and self.serves_batches(values[0])
        )

    def slots(self, call: ast.Call) -> list[ast.expr]:
        """Return the arguments of a call that hold a seed; [] if there are none. If the call sets
        seeds (`_SEEDS`), these are all of its arguments. Otherwise they are the keyword arguments
        with the name of a seed, ``default`` if a positional argument is a text with such a name,
        as in a command-line option, and the first argument if `is_seeded`."""
        if self._is_call_of(call, _SEEDS):
            return [*call.args, *(word.value for word in call.keywords)]
        option = any(isinstance(arg, ast.Constant) and is_seed_name(arg.value) for arg in call.args)
        found = [
            word.value
            for word in call.keywords
            if is_seed_name(word.arg) or (option and word.arg == "default")
        ]
        return found + (call.args[:1] if self.is_seeded(call) else [])

    def _is_call_of(self, call: ast.Call, functions: Functions) -> bool:
        """Return whether a call calls one of ``functions``, and no plain function of the module
        (see `Names`)."""
        name = self.names.resolve(call.func)
        if not name and isinstance(call.func, ast.Attribute):
            name = f".{call.func.attr}"  # of an expression: torch.Generator().manual_seed
        return name not in self.names.functions and functions.has(name)

    # --- variables and parameters ----------------------------------------------------------------

    def _find_carriers(self) -> set[str]:
        """Return the names of variables and parameters that only carry seeds.

        Start with all that could carry one (`_is_candidate`). Repeatedly remove those with a use
        that is neither a seed's nor only shows the seed or passes it on (`_is_shown`), and those
        that reach no seed and do not have the name of one (`_reaching`).
        """
        names = {*self.names.assigned, *self.names.parameters}
        carriers = {name for name in names if self._is_candidate(name)}
        while True:
            slots = {id(part) for slot in self._slots(carriers) for part in ast.walk(slot)}
            left = {
                name
                for name in carriers
                if all(id(load) in slots or self._is_shown(load) for load in self.names.loads[name])
            }
            left &= self._reaching(left)
            if left == carriers:
                return carriers
            carriers = left

    def _is_candidate(self, name: str) -> bool:
        """Return whether a name could carry a seed: it is a variable or parameter, its values have
        no side effects, and it is bound only where code runs at most once."""
        bound = [*self.names.assigned.get(name, []), *self.names.parameters.get(name, [])]
        return (
            self.names.is_variable(name)
            and all(map(self.is_pure, self._values(name)))
            and all(map(self.names.runs_once, bound))
        )

    def _values(self, name: str) -> Iterator[ast.expr]:
        """Yield the expressions that are assigned to a variable, or passed for a parameter; nothing
        for any other name."""
        for store in self.names.assigned.get(name, []):
            assert store.value is not None
            yield store.value
        for function in self.names.parameters.get(name, []):
            yield from self.names.arguments(function, name)

    def _slots(self, carriers: Iterable[str]) -> Iterator[ast.expr]:
        """Yield the expressions in which the use of a carrier counts as a use as a seed: the
        arguments of calls that hold a seed (`slots`) and have no side effects, the values of
        ``carriers``, and the tests of ``if`` statements that only set seeds."""
        for call in self.names.calls:
            yield from filter(self.is_pure, self.slots(call))
        for name in carriers:
            yield from self._values(name)
        for node in self.names.nodes(ast.If):
            statements = [*node.body, *node.orelse]
            if self.is_pure(node.test) and all(
                isinstance(one, ast.Expr) and self.seeds(one.value) for one in statements
            ):
                yield node.test

    def _reaching(self, carriers: set[str]) -> set[str]:
        """Return those of ``carriers`` that have the name of a seed, or whose value gets into a
        seed: directly, through another carrier that does, or through the test of an ``if`` that
        only sets seeds."""
        found = {name for name in carriers if is_seed_name(name)}
        while True:
            slots = list(self._slots(found))
            loaded = {part for slot in slots for part in ast.walk(slot)}
            names = {part.id for part in loaded if isinstance(part, ast.Name)} & carriers
            if names <= found:
                return found
            found |= names

    def _may_take_seed(self, function: ast.expr) -> bool:
        """Return whether a positional argument of this function may be a seed: the function is
        named, is neither defined in the module nor a builtin, and is not from a numeric library
        such as torch or numpy, which would take a number for a size."""
        root = self.names.resolve(function).partition(".")[0]
        return bool(root) and root not in {*_NUMERIC, *dir(builtins), *self.names.defined}

    def _is_shown(self, load: ast.Name) -> bool:
        """Return whether this use of a name only shows the seed or passes it on as a seed.

        That is: in an argument of ``print``; as the whole value of an assignment or dict item
        that has the name of a seed; or, if the name itself is a seed's, as a whole positional
        argument of a function that `_may_take_seed`.
        """
        inner: ast.AST = load
        while isinstance(outer := self.names.parent(inner), (ast.expr, ast.keyword)):
            if isinstance(outer, ast.Call):
                if self.names.resolve(outer.func) == "print":
                    return self.is_pure(inner)
                passed = inner is load and inner in outer.args and is_seed_name(load.id)
                return passed and self._may_take_seed(outer.func)
            if isinstance(outer, ast.Dict) and inner is load and inner in outer.values:
                key = outer.keys[outer.values.index(inner)]
                return isinstance(key, ast.Constant) and is_seed_name(key.value)
            inner = outer
        return inner is load and isinstance(outer, ast.Assign) and stores_seed(outer)


def stores_seed(statement: Assignment) -> bool:
    """Return whether each target of an assignment is a variable, attribute or item with the name of
    a seed."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return all(is_seed_name(_last_name(target)) for target in targets)


def _last_name(target: ast.expr) -> object:
    """Return the name that an assignment's target ends with: of a variable, of an attribute, or the
    constant key of an item; None for any other target."""
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return target.slice.value
    return None
