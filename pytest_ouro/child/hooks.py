"""Replace the loader and the evaluation of the harness that the script imports by functions that
report the first batch and the metric to the supervisor, and hand out the training split alone (see
splits.py)."""

from __future__ import annotations

import functools
import importlib
import inspect
import operator
import sys
import types
from typing import TYPE_CHECKING, Any

from . import harness, predictor, probes, splits
from .clocks import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .channel import Channel
    from .clocks import StepClock
    from .job import Job


class HarnessHooks:
    """The replacements for the loader and the evaluation of the harness module that the script
    imports, and for what hands out held-out data there. They are put into the module when this
    object is made.

    If no judge computes the score, a newly built harness does. From the batch that starts the
    budget's clock on, each batch advances ``clock``, if there is one.
    """

    def __init__(
        self,
        module: types.ModuleType,
        job: Job,
        channel: Channel,
        clock: StepClock | None = None,
    ) -> None:
        self._module, self._job, self._channel = module, job, channel
        self._evaluate = getattr(module, job["evaluate"])
        # A split may be an instance of a class of the harness.
        classes = {value for value in vars(module).values() if isinstance(value, type)}
        self._plain: set[type] = {str, int, bool, type(None), *classes}
        self._served = 0
        self._pace = Pace()
        self._clock = clock
        self._started = False
        self._device: Any = None
        #: Digests of the generators, in a run with a salt.
        self._generators: dict[str, str] = {}
        self._defined = splits.functions_of(job["harness_source"])
        evaluate = self._defined.get(job["evaluate"])
        self._takes_data = evaluate is not None and splits.takes_data(evaluate)
        for name, value in list(vars(module).items()):
            if (hook := self._replacement(name, value)) is not None:
                setattr(module, name, hook)
        setattr(module, job["evaluate"], self.evaluation)

    def _replacement(self, name: str, value: Any) -> Any:
        """Return what is to replace ``value``, which the harness has under ``name``; None to keep
        it.

        It is a guarded function (`_guard`) for the loader and for functions of the harness that
        hand out held-out data, and a `HeldOut` for a variable that holds such data.
        """
        own = isinstance(value, types.FunctionType) and value.__globals__ is vars(self._module)
        if name == self._job["loader"]:
            return self._guard(value, serves=True)
        if own and name in self._defined and splits.hands_out(self._defined[name]):
            return self._guard(value, serves=False)
        if splits.is_held_out(name) and splits.is_data(value):
            return splits.HeldOut(name, splits.Origin(name), splits.length_of(value))
        return None

    def _guard(self, function: Any, *, serves: bool) -> Callable[..., Any]:
        """Return a function that calls ``function`` of the harness and keeps held-out data from the
        caller. ``serves`` is true for the loader: then the function also counts the batches, the
        first of which starts the clock. If it is false, a call that the harness itself makes is
        passed on, and its result returned unchanged.

        Any other call asks for held-out data if it names a held-out split, or if the function's
        name says that it returns such data. For the script, PermissionError is raised then, unless
        the evaluation takes its data as an argument: in that case, and if the harness itself calls
        the loader, a `HeldOut` is returned. A call that does not ask for held-out data returns the
        result, with a `HeldOut` in place of each held-out part.
        """
        name = getattr(function, "__name__", self._job["loader"])
        node = self._defined.get(name)
        places = splits.held_out_places(node) if node else frozenset()

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            by_harness = sys._getframe(1).f_globals is vars(self._module)
            if by_harness and not serves:
                return function(*args, **kwargs)
            origin = splits.Origin(name, (args, kwargs))
            refused = splits.refused_split(function, args, kwargs, self._plain)
            if not refused and splits.is_held_out(name):
                refused = f"what {name}() returns"
            if refused and (by_harness or self._takes_data):
                return splits.HeldOut(f"{refused} of {self._job['harness']}", origin)
            if refused:
                raise PermissionError(f"{refused} {splits.RULE}")
            result = function(*args, **kwargs)  # called now, not at the first batch
            return self._training_part(result, origin, places, serves)

        del guarded.__wrapped__
        return guarded

    def _training_part(
        self, result: Any, origin: splits.Origin, places: frozenset[int | str], serves: bool
    ) -> Any:
        """Return ``result``, a value from the harness, with a `HeldOut` in place of each held-out
        part; numbers and texts stay. ``origin`` says how the value was made, ``places`` where the
        harness's source shows held-out parts.

        With ``serves``, the batches of each part that is known to be training data are counted as
        they are served; without held-out parts, those of the whole result.
        """
        found = splits.find_splits(result, places)
        if not found:
            return self._counted(result) if serves else result

        def change(place: Any, part: Any) -> Any:
            if isinstance(part, splits.HeldOut) or place not in found:
                return part
            if found[place] and not isinstance(part, (int, float, str)):
                label = f"{place!r} of what {origin.name}() returns"
                one = origin._replace(place=(place,))
                return splits.HeldOut(label, one, splits.length_of(part))
            is_data = splits.is_loader(part) or splits.is_batch(part)
            return self._counted(part) if serves and is_data else part

        return splits.replace_parts(result, change)

    def _counted(self, batches: Any) -> Any:
        """Return training data such that its batches are counted. A batch itself (a tensor or a
        tuple) is counted at once and returned; for an iterator a generator is returned, for another
        loader a `Served`, and they count each batch as it is served."""
        if isinstance(batches, tuple) or splits.is_batch(batches):
            self._count(batches)
            return batches
        return self._serve(batches) if hasattr(batches, "__next__") else Served(batches, self)

    def _describe_generators(self, point: str) -> None:
        """In a run with a salt, note the digests of the global random generators, to be sent with
        the report of the evaluation; do nothing without a salt. ``point`` says in words when this
        is, such as "the first batch"."""
        if self._job.get("salt"):
            reseed = importlib.import_module(".chance.reseed", __package__)
            generators = importlib.import_module(".chance.generators", __package__)
            left_out = frozenset(reseed.seeded_by_harness)
            self._generators.update(generators.digests(point, leave_out=left_out))

    def _serve(self, batches: Any) -> Iterator[Any]:
        """Yield each batch after counting it. If no batch was served yet in the run, note the
        random generators' digests before the first."""
        if not self._served:
            self._describe_generators("the first batch")
        for batch in batches:
            self._count(batch)
            yield batch

    def _count(self, batch: Any) -> None:
        """Count a batch that is about to be served: add its tokens, the elements of its first array
        as `splits.size_of` counts them, to those served, and note its device.

        Before that, report one event at most: ``start``, once, if at least the job's
        ``warmup_tokens`` were served before this batch; else ``warm-up`` if none were; else
        ``pace`` if `Pace.serve` or the virtual clock says that it is time. From the batch that
        starts the budget's clock on, each batch advances the virtual clock, if there is one.
        """
        due = self._pace.serve()
        begins = not self._started and self._served >= self._job["warmup_tokens"]
        if self._clock and (self._started or begins):
            due |= self._clock.serve()
        if begins:
            self._started = True
            self._pace.before = self._pace.batches - 1
            self._channel.report("start")
        elif not self._served:
            self._channel.report("warm-up")
        elif due:
            self._channel.report("pace", **self._progress())
        self._served += splits.size_of(batch)
        first = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
        self._device = getattr(first, "device", None)

    def _progress(self, *, ended: bool = False) -> dict[str, object]:
        """Return what is reported of the training: the tokens served, the `Pace.facts` of the
        batches, and how many ``steps`` the virtual clock counted, 0 without one."""
        steps = self._clock.served if self._clock else 0
        return {"served": self._served, "steps": steps, "pace": self._pace.facts(ended=ended)}

    def evaluation(self, *args: Any, **kwargs: Any) -> Any:
        """Take the place of the harness's evaluation: return the judge's score if there is a judge,
        else what the evaluation of a newly built harness returns for these arguments.

        Report ``evaluate`` before it, and after it ``measured`` with the metric as a number and
        CUDA's peak memory in MB. Raise TypeError if the evaluation returned no such number.
        """
        if cuda := _cuda():
            cuda.synchronize()
        self._describe_generators("the evaluation")
        self._channel.report("evaluate", generators=self._generators, **self._progress(ended=True))
        value = self._ask_judge(args, kwargs) if "line" in self._job else self._score(args, kwargs)
        cuda = _cuda()
        peak_mb = cuda.max_memory_allocated() / 2**20 if cuda else 0.0
        value_text, steps = repr(self._number(value)), self._progress()["steps"]
        self._channel.report("measured", value=value_text, peak_mb=peak_mb, steps=steps)
        return value

    def _number(self, value: Any) -> float:
        """Return what the evaluation returned as a float; if that is a dictionary, its value under
        the name of the metric. Raise TypeError, with a remedy, if `float` does not take that."""
        name, stated = self._job["evaluate"], self._job.get("metric", "")
        what = f"a value of the type {type(value).__name__}"
        if isinstance(value, dict):
            keys = ", ".join(map(str, list(value)[:8]))
            what = f"a dictionary without '{stated}', with {keys}"
            value = value.get(stated)
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(
                f"{name}() returned {what}, not one number: let it return a number, or name one of "
                "the keys of its dictionary as 'metric' in bound.toml"
            ) from None

    def _ask_judge(self, args: tuple[Any, ...], kwargs: dict[str, object]) -> float:
        """Return the judge's score; this process only answers its questions with the model's
        logits. ``args`` and ``kwargs`` are those of the script's call; raises as `predictor.serve`
        does."""
        return predictor.serve(
            _argument(self._evaluate, "model", args, kwargs, first=True),
            _argument(self._evaluate, "batch_size", args, kwargs),
            self._device,
            self._job,
        )

    def _score(self, args: tuple[Any, ...], kwargs: dict[str, object]) -> Any:
        """Return what the evaluation of a newly built harness, which the script cannot have
        changed, returns for the script's arguments. Before the call, the data takes the place of
        each argument that is a `HeldOut`, and `_normalise_call` replaces tokenizer and batch size.
        Report each finding of `Probes` about the model."""
        fresh = harness.build(self._job)
        evaluate = getattr(fresh, self._job["evaluate"])
        model = _argument(evaluate, "model", args, kwargs, first=True)
        args = tuple(_resolve(value, fresh) for value in args)
        kwargs = {name: _resolve(value, fresh) for name, value in kwargs.items()}
        args, kwargs = _normalise_call(fresh, evaluate, args, kwargs)
        with probes.Probes(fresh, self._job, model) as found:
            value = evaluate(*args, **kwargs)
        for text in found.findings:
            self._channel.report("finding", text=text)
        return value


class Served:
    """A container of training data, given to the script in place of a loader that can be iterated
    more than once or indexed. Each batch is counted as it is served; other attributes are those of
    the data."""

    def __init__(self, batches: Any, hooks: HarnessHooks) -> None:
        self._batches, self._hooks = batches, hooks

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over all batches that counts each."""
        return self._hooks._serve(self._batches)

    def __len__(self) -> int:
        """Return the number of batches, as the data states it; TypeError if it has none."""
        return len(self._batches)

    def __getitem__(self, place: Any) -> Any:
        """Return the batch at this place, or the batches of a slice; raise what the data raises.
        The batches of a slice are counted as one, but each of them if the data is a list or
        tuple."""
        found = self._batches[place]
        several = isinstance(place, slice) and isinstance(self._batches, (list, tuple))
        for batch in found if several else [found]:
            self._hooks._count(batch)
        return found

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the data; AttributeError if it has none of that name."""
        return getattr(self._batches, name)


def _resolve(value: Any, module: types.ModuleType) -> Any:
    """Return the data for which a `HeldOut` stands, made by ``module``, a newly built harness; any
    other value unchanged. Raise what the harness raises."""
    if isinstance(value, splits.HeldOut):
        return splits.origin_of(value).make(module)
    return value


def _argument(
    function: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, object], first: bool = False
) -> Any:
    """Return the argument that a call of ``function`` with ``args`` and ``kwargs`` passes for the
    parameter ``name``. If there is none, return the first positional argument with ``first``, if
    the call has one; otherwise None.

    If the call does not fit the signature, only ``kwargs`` are searched for ``name``.
    """
    try:
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        bound = kwargs
    if name in bound:
        return bound[name]
    return args[0] if first and args else None


def _normalise_call(
    module: types.ModuleType, evaluate: Any, args: tuple[Any, ...], kwargs: dict[str, object]
) -> tuple[tuple[Any, ...], dict[str, object]]:
    """Return the ``args`` and ``kwargs`` of a call of ``evaluate`` with two arguments replaced, if
    it has them. For the tokenizer a new one of the harness ``module`` is passed, if it can make
    one. The batch size becomes a plain int; if the harness has EVAL_TOKENS and MAX_SEQ_LEN, it is
    lowered to divide the number of rows, as far as `_even_batch_size` does that.

    Both are returned unchanged if they do not fit the signature.
    """
    try:
        bound = inspect.signature(evaluate).bind(*args, **kwargs)
    except TypeError:
        return args, kwargs  # the evaluation raises the error
    load = getattr(getattr(module, "Tokenizer", None), "from_directory", None)
    if load is not None and bound.arguments.get("tokenizer") is not None:
        bound.arguments["tokenizer"] = load()
    size: Any = bound.arguments.get("batch_size")
    if hasattr(size, "__index__"):  # a subclass of int could redefine multiplication
        size = bound.arguments["batch_size"] = int.__add__(operator.index(size), 0)
    tokens, length = getattr(module, "EVAL_TOKENS", 0), getattr(module, "MAX_SEQ_LEN", 0)
    if all(type(number) is int and number > 0 for number in (size, tokens, length)):
        bound.arguments["batch_size"] = _even_batch_size(size, tokens // length)
    return bound.args, bound.kwargs


def _even_batch_size(size: int, rows: int) -> int:
    """Return the largest divisor of ``rows`` that is at most ``size``. But return ``size`` itself
    if that divisor is less than half of ``size`` (of ``rows``, if that is smaller), or if ``rows``
    is 0."""
    best = next((n for n in range(min(size, rows), 0, -1) if rows % n == 0), size)
    return best if 2 * best >= min(size, rows) else size


def _cuda() -> Any:
    """Return ``torch.cuda`` if CUDA was initialised in this process, else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
