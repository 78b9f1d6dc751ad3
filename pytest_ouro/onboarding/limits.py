"""Find the limits that instructions state for numbers beside the metric, for guards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.bound.guards import GUARD

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A comparison with a number, as code in a sentence: ``artifact_bytes < 16,000,000``. One behind
#: such a word says when something is done.
_LIMIT = re.compile(
    r"(?<![Ww]hen )(?<![Oo]nce )(?<![Uu]ntil )"
    r"`([A-Za-z]\w{2,})\s*(<=?|>=?|≤|≥)\s*(\d[\d_,]*(?:\.\d+)?)`"
)
#: Words of the line, or of the heading above it, that make a comparison a demand.
_DEMAND = re.compile(r"(?i)\b(?:must|gates?|limits?|constraints?|invariants?|keep|requires?)\b")
#: How many are shown.
_MOST = 4


def guards(text: str, metric: str) -> Iterator[str]:
    """Yield a sentence for numbers, other than the metric ``metric``, that the instructions
    ``text`` limit by a quoted comparison, such as `` `bytes < 16,000` ``: it states the limit, and
    the [[guard]] table for bound.toml that holds runs to it. At most `_MOST` numbers; nothing if
    there are none."""
    heading, found = "", dict[str, tuple[str, str]]()
    for line in text.splitlines():
        heading = line if line.startswith("#") else heading
        if _DEMAND.search(line) or _DEMAND.search(heading):
            found |= {name: (sign, number) for name, sign, number in _LIMIT.findall(line)}
    found.pop(metric, None)
    for name, (sign, number) in list(found.items())[:_MOST]:
        key = "at-most" if sign in ("<", "<=", "≤") else "at-least"
        value = re.sub(r"[_,]", "", number)
        id = re.sub(r"_+", "-", name.lower()).strip("-")
        yield (
            f"the instructions limit {name}; where a run prints it, this in bound.toml holds runs "
            f'to that: [[{GUARD}]] id = "{id}" rule = "{name} {sign} {number}" '
            f'metric = "{name}" {key} = {value} (one key a line)'
        )
