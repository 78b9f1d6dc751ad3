"""Measure a candidate and a reference alternately, in an order that is drawn."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from typing import TypeAlias

from pytest_ouro.timing.amounts import Refused
from pytest_ouro.timing.comparison import Comparison, Round

#: A program under measurement: it is asked a question, and returns its answer and what that took.
Measured: TypeAlias = Callable[[bytes], tuple[bytes, float]]


def compare(
    reference: Measured,
    candidate: Measured,
    question: Callable[[], bytes] = bytes,
    *,
    rounds: int = 40,
    equal: Callable[[bytes, bytes], bool] | None = operator.eq,
) -> Comparison:
    """Ask both programs one new ``question()`` in each of the ``rounds``, and return the amounts
    that they took, in the unit in which they return them (such as seconds or instructions). Amounts
    must be above 0, which is not checked. One more round comes first: its answers are compared too,
    and its amounts are dropped.

    The rounds come in twos with opposite orders, of which the first is drawn: reference, candidate,
    candidate, reference or the reverse. So a cost that grows evenly during the rounds cancels.
    Raise `Refused` if ``equal(candidate's answer, reference's answer)`` is false; if ``equal`` is
    None, the answers may differ. What a program raises is raised. Raise ValueError unless
    ``rounds`` is an even number above 0.
    """
    if rounds < 2 or rounds % 2:
        raise ValueError("the number of rounds must be even, and above 0")
    draw = random.SystemRandom()
    measured: list[Round] = []
    first = True
    for number in range(rounds + 1):
        first = not first if number and number % 2 == 0 else draw.random() < 0.5
        asked = question()
        if first:
            right, usual = reference(asked)
            answer, taken = candidate(asked)
        else:
            answer, taken = candidate(asked)
            right, usual = reference(asked)
        if equal is not None and not equal(answer, right):
            raise Refused("the candidate's answer is not that of the reference")
        if number:
            measured.append(Round(usual, taken, first))
    return Comparison(tuple(measured))
