"""What `log-schema` and `untracked` own: lines that cannot be read, and a log that git has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.core.finding import Finding, count
from pytest_ouro.evidence.paths import matching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims


#: Words that tell to keep a file out of git.
_FORBIDS = re.compile(
    r"(?i)(?:\b(?:not|never|don't)\b.{0,20}\b(?:commit|git add|track)|\b(?:untracked|out of git))\b"
)


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield one finding about all lines of the ledger that do not fit its header, and one if
    commits change a ledger that .gitignore names. The first only warns unless a bound names the
    ledger and a line could not be read."""
    lost = tuple(sorted({*claims.loop.lost, *claims.loop.odd}))
    read = len(claims.loop.odd)
    if lost:
        yield Claimed(
            "log-schema",
            Finding(
                f"{count(len(lost), 'line')} of {claims.ledger} "
                f"{'does' if len(lost) == 1 else 'do'} not fit its header"
                + (f", of which {read} can still be read" if read else ""),
                where=claims.place(lost),
                help="write one row a line, with as many cells as the header has",
                facts={"rows": len(lost)},
                warns=not (claims.bound and claims.loop.lost),
            ),
            lines=lost,
        )
    yield from _committed(claims)


def _committed(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding if commits change the ledger although a .gitignore names it, both that of the
    commit that the loop starts from and their own: an error if the instructions forbid it too, and
    one of them also changes editable files."""
    history, path = claims.loop.history, claims.ledger
    name = path.rpartition("/")[2]
    if not _is_ignored(claims, claims.loop.start):
        return
    found = [
        step
        for step in history.steps
        if path in history.changes(step) and _is_ignored(claims, step.id)
    ]
    beside = [one for one in found if matching(history.changes(one), claims.editable)]
    forbidden = any(
        name in line and _FORBIDS.search(line) for line in claims.instructions.splitlines()
    )
    if found:
        yield Claimed(
            "untracked",
            Finding(
                f"{path} is in {count(len(found), 'commit')} although .gitignore names it"
                + (" and the instructions forbid it" if forbidden else "")
                + ": git reset removes rows from it",
                where=f"the first: {found[0]}",
                help=f"git rm --cached {path}",
                facts={"path": path},
                warns=not (forbidden and beside),
            ),
            tuple(step.id for step in found),
        )


def _is_ignored(claims: Claims, commit: str) -> bool:
    """Return whether the .gitignore at the top of a commit names the ledger, by its name, its path
    or its ending (``*.tsv``); False for no commit."""
    path = claims.ledger
    name = path.rpartition("/")[2]
    patterns = {name, f"/{name}", path, f"/{path}", f"*.{name.rpartition('.')[2]}"}
    return bool(commit) and not patterns.isdisjoint(claims.text(commit, ".gitignore").split())
