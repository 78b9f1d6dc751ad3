"""Turn what checks found about commits into findings of an audit, and weigh them: an error only
where the evidence is conclusive."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.audit.inference.project import is_code
from pytest_ouro.audit.result import AuditFinding
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import several
from pytest_ouro.evidence.paths import matches, matching

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.audit.inference.layout import Layout
    from pytest_ouro.audit.verdict.judge import Judged
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.claims.claims import Claims

#: Files that are about results, or about how people work, whatever they end in.
_ASIDE = re.compile(
    r"(?i)(?:.*/)?(?:.*(?:result|plot|analy[sz]|dashboard|report|figure|chart|visuali|progress|notes?|log"
    r"|history|journal|ledger|readme|license|todo|ideas?|memory|state|summary|conftest|test_\w+)\w*\.\w+"
    r"|(?:tests?|docs?|notebooks?|scripts?|tools?|results?|logs?|plots?|figures?|\.github)/.*)"
)
#: Files in which people state rules for agents.
_INSTRUCTIONS = ("program.md", "CLAUDE.md", "AGENTS.md", "GEMINI.md")
_HELP = {
    "scope": "put the idea into an editable file, or measure again without these changes",
    "frozen": "restore the file, and measure again what was kept since",
    "frozen-symbol": "restore it, and measure again what was kept since",
    "dependencies": "measure again with the packages that were declared at the start",
    "evaluation": "remove it, and measure again what was kept since",
}


def weigh(judged: Sequence[Judged], claims: Claims, layout: Layout) -> Iterator[AuditFinding]:
    """Yield the findings about commits, each once for a check, a commit and a place."""
    seen: set[tuple[str, str, str]] = set()
    for one in judged:
        finding = _narrow(one, claims, layout)
        if finding is None:
            continue
        key = (one.check, one.step.id, str(finding.facts.get("path", "")) or finding.headline)
        if one.check == "evaluation":
            key = (one.check, one.step.id, finding.headline)
        if key in seen:
            continue
        seen.add(key)
        rows = claims.rows_of.get(one.step.id, [])
        kept = claims.is_kept(one.step.id)
        sure = kept and _is_sure(one, finding, claims, layout)
        words = ", which was kept" if kept else _standing(rows)
        yield AuditFinding(
            one.check,
            replace(
                finding,
                where=f"{one.step}{words}",
                help=_HELP[one.check],
                warns=finding.warns or not sure,
                parts=(),
            ),
            (one.step.id,),
            tuple(row.line for row in rows if row.status != "baseline"),
        )


def _standing(rows: Sequence[object]) -> str:
    """Return words on a commit that no row keeps."""
    return ", which was not kept" if rows else ", which has no row"


def _narrow(one: Judged, claims: Claims, layout: Layout) -> Finding | None:
    """Return the finding without the files that belong to no experiment; None if nothing is
    left of it."""
    finding = one.finding
    if finding.headline.endswith("nothing is protected") or " is gone: " in finding.headline:
        return None
    if one.check != "scope":
        return finding
    if not finding.paths:
        return finding if "is a link" in finding.headline else None
    paths = [p for p in finding.paths if _is_part(p, claims, layout)]
    if not paths:
        return None
    only = several(list(layout.editable))
    named = several(paths)
    return replace(
        finding,
        headline=f"{named} changed, outside of what an experiment may change ({only})",
        paths=tuple(paths),
        facts={"path": paths[0], "files": len(paths)},
    )


def _is_part(path: str, claims: Claims, layout: Layout) -> bool:
    """Return whether a file outside of the editable ones can be part of an experiment: it is code
    or settings, and neither the ledger, nor measuring code, which has findings of its own, nor what
    declares dependencies, nor about results."""
    name = posixpath.basename(path)
    if path == layout.prose.file or name in _INSTRUCTIONS:
        return True
    if path == claims.ledger or matches(path, layout.frozen) or not is_code(path):
        return False
    if name in ("pyproject.toml", "uv.lock", "package.json", "package-lock.json", "setup.cfg"):
        return False
    return not (_ASIDE.fullmatch(path) or path.endswith((".ipynb", ".json")))


def _is_sure(one: Judged, finding: Finding, claims: Claims, layout: Layout) -> bool:
    """Return whether a finding about a kept commit has no innocent explanation."""
    if one.check == "scope":
        rows = claims.rows_of.get(one.step.id, [])
        code = matching(claims.loop.history.changes(one.step), layout.editable)
        telling = any(p.endswith(".py") or p == layout.prose.file for p in finding.paths)
        return layout.stated and telling and bool(code) and len(rows) == 1
    if one.check == "dependencies":
        return "removed" not in finding.headline.split(": ", 1)[-1][:8]
    return True
