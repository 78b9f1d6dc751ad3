"""Find the commits of rows again, after an amend, a rebase or a squash gave them other ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.paths import matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.claims.commits import History, Step
    from pytest_ouro.evidence.claims.link import Link

#: The editable files that a commit changes, each with git's id of its content.
_Code = tuple[tuple[str, str], ...]


def relink(history: History, links: Sequence[Link], editable: Sequence[str]) -> tuple[Link, ...]:
    """Return the links. A link to a commit that neither ``history`` nor the ancestors of its head
    include names instead the first commit in the history that no row has and that gives the
    editable files (globs ``editable``) the same content, if there is one: what was measured is the
    code, whatever the id of its commit."""
    if all(not link.commit or link.commit in history.by_id for link in links):
        return tuple(links)
    taken = {link.commit for link in links}
    free: dict[_Code, str] = {}
    for step in history.steps:
        if step.id not in taken and len(step.parents) == 1:
            free.setdefault(_code(history, step, editable), step.id)
    free.pop((), None)
    now: dict[str, str] = {}
    for one in dict.fromkeys(link.commit for link in links):
        if one and one not in history.by_id:
            code = _code(history, history.find(one), editable)
            if code in free and not history.is_ancestor(one, history.head):
                now[one] = free.pop(code)
    return tuple(link._replace(commit=now.get(link.commit, link.commit)) for link in links)


def _code(history: History, step: Step, editable: Sequence[str]) -> _Code:
    """Return the editable files that a commit changes, as it leaves them."""
    paths = matching(history.changes(step), editable)
    entries = ((path, history.entry(step.id, path)) for path in paths)
    return tuple((path, entry.blob if entry else "") for path, entry in entries)
