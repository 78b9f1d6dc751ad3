"""Find the noise of a metric that the instructions of a loop state."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.instructions.sentences import sentences_of
from pytest_ouro.evidence.ledger.ledger_names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Words of a sentence about how much values differ by chance, and of what values it is about.
_NOISE = re.compile(
    r"(?i)\b(?:nois[ey]\w*|jitter\w*|fluctuat\w*|run[- ]to[- ]run|seed[- ]to[- ]seed|by chance"
    r"|(?:vary|varies|variation|variance|variability|differ|differs|spread|scatter)\b"
    r"|std|stddev|standard deviation|reproducib\w*|repeatab\w*)"
)
_OF = re.compile(
    r"(?i)\b(?:(?:re-?)?runs?|seeds?|repeat\w*|(?:re-?)?measure\w*|results?|scores?|metric|gains?"
    r"|improvements?|differences?|evaluations?|benchmarks?|baseline)\b"
)
#: Words of a sentence about another noise, such as one that is added to data.
_OTHER = re.compile(
    r"(?i)\b(?:add|inject|augment|appl(?:y|ies)|sampl\w*|label|labels|input|inputs|gaussian"
    r"|gradients?|weights?|dropout|schedule|diffusion|denois\w*|learning[- ]rate|temperature"
    r"|sensor)\b"
)
_DEVIATION = re.compile(r"(?i)\b(?:std|stddev|sd|standard deviation|sigma)\b|σ")
#: A number that says how much: after a sign or a word, with what may be its unit.
_AMOUNT = re.compile(
    r"(?i)(?:±|\+/?[-−]|[~≈<=:]|\b(?:about|around|roughly|up to|at most|of|is|are|by|within|below"
    r"|under|than))[\s`*(±~≈]*((?:\d{1,9}(?:\.\d{1,12})?|\.\d{1,12})(?:e-?\d{1,2})?)(?!\d|\.\d|\w{0,9}[-/]\w)"
    r"(?:[\s`*]*(%|percent\b)|[\s`*]*([a-zµ]+\b))?"
)
#: Words after a number that are not a unit.
_PLAIN = re.compile(
    r"in|on|for|between|from|across|over|and|or|at|is|are|as|of|when|with|if|can|may|to|so|but|which"
    r"|due|by|per|counts?|better|worse|absolute|noise"
)


class Noise(NamedTuple):
    """A noise that a sentence states: its amount, whether that is a share in per cent, and whether
    it is a standard deviation."""

    amount: float
    is_percent: bool
    is_deviation: bool

    def least(self, value: float, metric: str) -> float:
        """Return by how much a value must differ from ``value`` to be beyond this noise: by its
        amount, or 2√2 times it if that is a standard deviation. An amount in per cent can mean two
        things for a metric that is in per cent itself; the smaller one counts."""
        share = self.amount / 100 * abs(value)
        percent = {"pct", "percent", "acc", "accuracy"} & set(normalise(metric).split("_"))
        plain = min(share, self.amount) if percent else share
        least = plain if self.is_percent else self.amount
        return least * 2 * math.sqrt(2) if self.is_deviation else least


def stated_noise(instructions: str, metric: str) -> Noise | None:
    """Return the noise of the metric that a sentence of the instructions states, as in "two runs
    differ by up to 0.02"; None if there is none. If several sentences state one, the smallest
    number counts, whether or not it is in per cent. A number with any other unit counts only if the
    metric's name has that unit."""
    found = [
        noise
        for sentence in sentences_of(instructions)
        if _NOISE.search(sentence) and not _OTHER.search(sentence)
        if _OF.search(sentence) or (metric and metric.lower() in sentence.lower())
        for noise in _amounts(sentence, metric)
    ]
    return min(found, default=None)


def _amounts(sentence: str, metric: str) -> Iterator[Noise]:
    """Yield the first amount of noise in a sentence that is about it, a number above 0 without a
    unit other than per cent and those in the metric's name; nothing if there is none."""
    parts = normalise(metric).split("_")
    for found in _AMOUNT.finditer(sentence):
        amount, unit = float(found[1]), (found[3] or "").lower()
        if amount > 0 and (not unit or _PLAIN.fullmatch(unit) or unit in parts):
            yield Noise(amount, bool(found[2]), bool(_DEVIATION.search(sentence)))
            return
