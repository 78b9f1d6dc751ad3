"""Test the live model during a *supervised* evaluation, in the script's own process.

This finds mistakes and casual gaming; code in the same process can deceive it. If a judge scores
the model, the judge's questions replace these tests.
"""

from __future__ import annotations

import inspect
import math
import sys
from typing import TYPE_CHECKING, Any

from . import predictor, splits

if TYPE_CHECKING:
    import types

    from .job import Job

#: The number of rows that are tested, and of cuts that each row is tested with.
ROWS, CUTS = 4, 4
#: The largest mean difference in nats that bfloat16 explains between the loss that the model
#: returns and that of its logits.
LOSS_TOLERANCE = 0.02
#: The largest change of a logit that is accepted when only later tokens change.
LOGIT_TOLERANCE = 0.25


class Probes:
    """A context around an evaluation that tests the model: its answers on entry, and on exit that
    its parameters are unchanged.

    ``findings`` has a line for each failed test. Nothing is tested if torch is not loaded, or if
    the harness lacks the interface that the tests need.
    """

    def __init__(self, module: types.ModuleType, job: Job, model: Any) -> None:
        self.findings: list[str] = []
        self._module, self._job, self._model = module, job, model
        parts = ("Tokenizer", "get_token_bytes", "MAX_SEQ_LEN")
        self._applies = "torch" in sys.modules and all(hasattr(module, part) for part in parts)

    def __enter__(self) -> Probes:
        """Note the sums of the model's parameters, which `__exit__` compares, then test its
        answers; a failed test adds to ``findings``.

        If the tests do not apply, or if there are no validation batches, nothing is noted or
        tested, neither here nor in `__exit__`.
        """
        self._applies = self._applies and self._validation_batches() is not None
        if self._applies:
            self._before = self._parameters()
            self._ask()
        return self

    def __exit__(self, *exception: object) -> None:
        """Add a finding if the parameters have changed since entry; do nothing if the tests do not
        apply. An exception of the evaluation goes on."""
        if self._applies and self._parameters() != self._before:
            self.findings.append("the model's parameters changed during the evaluation")

    def _ask(self) -> None:
        """Test the model's answers for the rows of `_rows`, and add a finding for each of two
        faults: the loss that the model returns is not the cross-entropy of its logits; its logits
        depend on later tokens.

        If the model returns no logits of the expected shape, that is the only finding. There is
        none if the returned losses and those computed from the logits both have a value that is not
        finite: the run then fails because its metric is not a number.
        """
        torch = sys.modules["torch"]
        x, y = self._rows()
        with torch.no_grad():
            logits = predictor.call(self._model, x.clone())
            shape = tuple(getattr(logits, "shape", ()))
            if len(shape) != 3 or shape[:2] != tuple(x.shape):
                self.findings.append(
                    "model(x) without targets returns no logits to check it by: let forward return "
                    "them where targets is None"
                )
                return
            loss = self._model(x.clone(), y.clone(), reduction="none").double().view(-1)
            wide = logits.double().view(-1, shape[2])
            wide = wide - wide.amax(-1, keepdim=True)  # keeps the exponentials from overflowing
            own = torch.nn.functional.cross_entropy(wide, y.reshape(-1), reduction="none")
            if not (torch.isfinite(own).all() or torch.isfinite(loss).all()):
                return  # the outcome of the run reports a metric that is not a number
            if loss.shape != own.shape or not (loss - own).abs().mean() <= LOSS_TOLERANCE:
                self.findings.append(
                    "the loss that the model returns is not the cross-entropy of its logits"
                )
            moved = max(self._shift(torch, x, logits, cut) for cut in self._cuts(x.shape[1]))
            if not moved <= LOGIT_TOLERANCE:
                self.findings.append(
                    f"the model is not causal: tokens that come later move a logit by {moved:.2g}"
                )

    def _shift(self, torch: Any, x: Any, logits: Any, cut: int) -> float:
        """Splice the rows ``x``: replace their tokens from ``cut`` on by another row's. Return the
        largest change of a logit at a place before ``cut``, compared with ``logits``, those for
        ``x`` itself. Infinity if the answer has another shape, or if a change is NaN."""
        spliced = torch.cat([x[:, :cut], x.roll(1, 0)[:, cut:]], 1)
        answer = self._model(spliced)
        if answer.shape != logits.shape:
            return math.inf
        apart = float((answer[:, :cut].double() - logits[:, :cut].double()).abs().max())
        return math.inf if math.isnan(apart) else apart

    def _rows(self) -> tuple[Any, Any]:
        """Return copies of the inputs and targets of the first validation batch; StopIteration if
        there is none."""
        batch = next(iter(self._validation_batches()))
        return batch[0].clone(), batch[1].clone()

    def _validation_batches(self) -> Any:
        """Return the validation batches, of ROWS rows each, from the harness's loader, which is
        called with tokenizer, rows, length and the split ``val``.

        A loader that is a function without a parameter for the split is called without the last
        argument, and the first held-out part of its result is returned. Return None if such a
        loader needs other arguments, or if its result has no held-out part.
        """
        module, name = self._module, self._job["loader"]
        args = (module.Tokenizer.from_directory(), ROWS, module.MAX_SEQ_LEN)
        load = getattr(module, name)
        node = splits.functions_of(self._job["harness_source"]).get(name)
        places = splits.held_out_places(node) if node else frozenset()
        if node is None or splits.takes_split(node):
            return load(*args, "val")
        try:
            inspect.signature(load).bind(*args)
        except TypeError:
            return None
        result = load(*args)
        found = splits.find_splits(result, places)
        return next((result[place] for place, held_out in found.items() if held_out), None)

    @staticmethod
    def _cuts(length: int) -> list[int]:
        """Return the positions at which rows of ``length`` tokens are cut for `_shift`: at most
        CUTS, all different, in ascending order, evenly spread and at least 1. They are less than
        ``length`` if that is at least 2."""
        return sorted({max(1, length * (2 * i + 1) // (2 * CUTS)) for i in range(CUTS)})

    def _parameters(self) -> list[float]:
        """Return a list with the sum of the elements of each parameter of the model; empty if it
        has no ``parameters()``."""
        parameters = getattr(self._model, "parameters", None)
        if not callable(parameters):
            return []
        return [float(p.detach().double().sum()) for p in parameters()]
