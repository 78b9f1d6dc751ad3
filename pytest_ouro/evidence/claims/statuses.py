"""Classify the status of a row: kept, discarded, crashed, a baseline, or something else."""

from __future__ import annotations

import re
from typing import Literal

from pytest_ouro.evidence.ledger.ledger_names import status_of

StatusClass = Literal["keep", "discard", "crash", "baseline", "other"]

#: The first words of a status that is not settled yet, although it may begin as another.
_OPEN = re.compile(
    r"(?i)[\W_]*(?:keep[\W_]?candidate|candidate|tentative|pending|todo|running|wip)"
)
_BASELINE = re.compile(
    r"(?i)[\W_]*(?:(?:the|new|second|third|another|fresh|re-?run|re-?measured|updated) )*"
    r"base(?:-?line)?\b"
)
#: Words of a row that measures a code once more, as after a repair of what measures.
_AGAIN = re.compile(
    r"(?i)\b(?:re-?(?:measur|run|ran|eval|bas|check|bench|scor|test|calib|comput)\w*"
    r"|(?:once|measured) (?:more|again)"
    r"|new (?:reference|baseline)|same code|unchanged code|as it was|repeat\w*|check after)\b"
)
#: Columns that say by yes or no whether a result was kept.
KEPT = ("kept", "keep", "accepted", "improved", "is_kept")
_YES, _NO = ("yes", "y", "true", "1", "✓", "✅"), ("no", "n", "false", "0", "✗", "❌", "x")


def classify(text: str, column: str, words: str) -> StatusClass:
    """Return the class of the status ``text``. ``column`` is the normalised name of its column; if
    that is "", there is no such column, and ``text`` is ignored. Then the status is the first word
    of the description ``words`` if it is in capitals; otherwise the class is "baseline" if
    ``words`` begin with words for one, else "other"."""
    if not column:
        first = re.match(r"[\W_]*(\w+)", words)
        text = first[1] if first and first[1].isupper() else ""
        if not text:
            return "baseline" if _BASELINE.match(words) else "other"
    plain = text.strip().casefold()
    if column in KEPT and plain in (*_YES, *_NO):
        return "keep" if plain in _YES else "discard"
    if _OPEN.match(text):
        return "other"
    if _BASELINE.match(text):
        return "baseline"
    return status_of(text) or "other"


def names_baseline(text: str) -> bool:
    """Return whether a description or a commit cell begins with words for a baseline."""
    return bool(_BASELINE.match(text))


def says_again(text: str) -> bool:
    """Return whether a description says that a code was measured again."""
    return bool(_AGAIN.search(text))
