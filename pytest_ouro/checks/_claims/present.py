"""Judge the rows that are written by hand in the ledger of a project with a bound.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.claims.claims import Claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_ouro.checks._claims import Claimed
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.evidence import Evidence


def judge_present(
    evidence: Evidence, check: str, judge: Callable[[Claims], Iterable[Claimed]]
) -> Iterator[Finding]:
    """Yield what ``judge`` finds for the check of this name in the rows that were written by hand.
    Yield nothing if the evidence has no claimed loop (`Evidence.claimed` is None), as when recorded
    runs count instead. Each finding says that it is claimed, and only warns if one of its rows is
    from before trust, or all rows are."""
    loop = evidence.claimed
    if loop is None:
        return
    layout = evidence.layout
    claims = Claims(
        loop, layout.ledger, layout.metric, tuple(layout.editable_globs), (), bound=True
    )
    first = loop.first_line
    for claimed in judge(claims):
        if claimed.check == check:
            finding = claimed.finding
            before = first is None or any(line < first for line in claimed.lines)
            yield replace(
                finding,
                where=f"claimed, {finding.where}",
                warns=finding.warns or before,
                facts={**finding.facts, "claimed": True},
            )
