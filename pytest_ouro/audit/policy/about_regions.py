"""Compare a part of a file, such as the timed one, with the base of a pull request."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from pytest_ouro.audit.words import number as count
from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from pytest_ouro.audit.policy.notes import Notes
    from pytest_ouro.audit.policy.submission import Submission
    from pytest_ouro.audit.policy.tables import Region

#: The most lines of a region, and the most of its changes that are shown.
_LINES, _SHOWN = 5_000, 6


@dataclass(frozen=True)
class _Part:
    """A region of a file: the numbers, from 1, of its first and last lines, and the ``lines`` that
    are compared: those that are not empty, without white space at their right ends. If ``fault`` is
    not "", there is nothing to compare, and it says why."""

    lines: tuple[str, ...] = ()
    first: int = 0
    last: int = 0
    fault: str = ""


def judge_region(asked: Region, submission: Submission, notes: Notes) -> None:
    """Compare a region of the submission with the same region of the base: add a finding if its
    fixed lines differ, and record how all of its lines differ. If the base has the region and the
    submission does not, that is a finding. A region that the base lacks, or a folder alone, is not
    judged, which is stated."""
    check = f"region-{asked.name}"
    if submission.read_base is None:
        words = "a folder alone has no base: judge the pull request"
        notes.state(check, "not checked", words)
        return
    path = submission.place(asked.file)
    before = submission.place(asked.base or asked.file)
    old = _find(asked, submission.read_base(before), before)
    if old.fault:
        notes.state(check, "not reached", f"in the base: {old.fault}")
        return
    new = _find(asked, submission.read(path), path)
    if new.fault:
        notes.find(
            check,
            f"the {asked.name} region cannot be found: {new.fault}",
            path=path,
            help="keep the lines that it begins and ends with",
        )
        notes.state(check, "not reached", new.fault)
        return
    _judge_fixed(asked, check, path, (old, new), notes)
    changes = [line for line in difflib.ndiff(old.lines, new.lines) if line[:2] in ("- ", "+ ")]
    place = f"{path}:{new.first} to {new.last}"
    if not changes:
        notes.state(check, "reached", f"{place} is as in the base")
        return
    removed = sum(line.startswith("- ") for line in changes)
    shown = "; ".join(" ".join(line.split()) for line in changes[:_SHOWN])
    more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    words = f"{count(removed, 'line')} removed, {len(changes) - removed} added: {shown}{more}"
    notes.state(check, "reached", f"{place} differs from the base")
    notes.record(check, f"{len(changes)} changed lines", words)


def _find(asked: Region, data: bytes | None, path: str) -> _Part:
    """Return the region that ``asked`` describes in ``data``, the bytes of the file at ``path``:
    from the line in which the pattern ``begin`` is found up to, and without, the next one in which
    ``end`` is found (``end`` "": up to the end of the file). Empty lines and white space at the
    right end of lines are left out. ``fault`` is set if the file cannot be read, not exactly one
    line begins the region, no line ends it, or it is too long."""
    if data is None:
        return _Part(fault=f"there is no {path} that can be read")
    lines = data.decode(errors="replace").splitlines()
    begins = [n for n, line in enumerate(lines) if re.search(asked.begin, line[:2_000])]
    if len(begins) != 1:
        return _Part(fault=f"{count(len(begins), 'line')} of {path} begin it")
    start = begins[0]
    end = len(lines)
    if asked.end:
        ends = [n for n in range(start + 1, len(lines)) if re.search(asked.end, lines[n][:2_000])]
        if not ends:
            return _Part(fault=f"no line of {path} ends it")
        end = ends[0]
    if end - start > _LINES:
        return _Part(fault=f"it has {end - start} lines, at most {_LINES} are compared")
    kept = tuple(line.rstrip() for line in lines[start:end] if line.strip())
    return _Part(kept, start + 1, end)


def _judge_fixed(
    asked: Region, check: str, path: str, parts: tuple[_Part, _Part], notes: Notes
) -> None:
    """Add a finding under the name ``check`` if the fixed lines of a region, those in which a
    pattern of ``asked.fixed`` is found, are not the same in the same order in both ``parts``: the
    base's and the submission's. Indentation is ignored. ``path`` is the submission's file."""
    if not asked.fixed:
        return
    patterns = [re.compile(pattern) for pattern in asked.fixed]
    was, now = (
        [line.strip() for line in part.lines if any(p.search(line) for p in patterns)]
        for part in parts
    )
    if was == now:
        return
    gone = [line[2:] for line in difflib.ndiff(was, now) if line.startswith("- ")]
    new = [line[2:] for line in difflib.ndiff(was, now) if line.startswith("+ ")]
    notes.find(
        check,
        f"the {asked.name} region of {path} has other lines where the rule fixes them",
        path=path,
        line=parts[1].first,
        expected="; ".join(gone) or "none of the added lines",
        actual="; ".join(new) or "they are gone",
        help=f"restore these lines of {path}",
    )
