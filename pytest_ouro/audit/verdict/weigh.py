"""Turn what checks found about commits into findings of an audit, and weigh them: an error only
where the evidence is conclusive."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.audit.inference.usual import MEASURES
from pytest_ouro.audit.result import AuditFinding
from pytest_ouro.audit.verdict.beside import find_compared, is_below
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import several
from pytest_ouro.evidence.instructions.parts import allowed_parts, changes_only
from pytest_ouro.evidence.languages.kinds import is_code
from pytest_ouro.evidence.paths import matches, matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_ouro.audit.inference.layout import Layout
    from pytest_ouro.audit.verdict.judge import Judged
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step

#: Files that are about results, or about how people work, whatever they end in.
_ASIDE = re.compile(
    r"(?i)(?:.*/)?(?:.*(?:result|plot|analy[sz]|dashboard|report|figure|chart|visuali|progress|notes?|log"
    r"|history|journal|ledger|readme|license|todo|ideas?|memory|state|summary|conftest|test_\w+)\w*\.\w+"
    r"|(?:tests?|docs?|notebooks?|scripts?|tools?|results?|logs?|plots?|figures?|\.github)/.*)"
)
#: Words of a line of code that reads a file, and of one that writes it.
_READS = re.compile(r"(?i)open|load|read|include|import|require|source\b|from_|parse")
_WRITES = re.compile(r"""(?i)write|dump|save|["'](?:w|a|x)[bt+]*["']|to_(?:csv|json)|mkdir""")
#: More findings of a check about commits that no row keeps are joined.
_FEW = 3
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
    """Yield the findings about commits: one for a check and a commit, of `evaluation` one for each
    construct. Warnings of one check about commits that were not kept (`Claims.is_kept`) are joined
    if there are more than `_FEW`."""
    aside: dict[str, list[AuditFinding]] = {}
    for group in _grouped(judged, claims, layout):
        found = _weigh_group(group, claims, layout)
        if found.severity == "warning" and not claims.is_kept(found.commits[0]):
            aside.setdefault(found.check, []).append(found)
        else:
            yield found
    for check, several_found in aside.items():
        yield from several_found if len(several_found) <= _FEW else [_join(check, several_found)]


def _grouped(
    judged: Sequence[Judged], claims: Claims, layout: Layout
) -> Iterable[list[tuple[Judged, Finding]]]:
    """Return the groups of which each becomes one finding of the audit: pairs of what the judgement
    found and the finding narrowed to what concerns experiments. A group is of one check and commit,
    for `evaluation` also of one headline."""
    groups: dict[tuple[str, str, str], list[tuple[Judged, Finding]]] = {}
    for one in judged:
        if (finding := _narrow(one, claims, layout)) is not None:
            part = finding.headline if one.check == "evaluation" else ""
            group = groups.setdefault((one.check, one.step.id, part), [])
            if finding.headline not in [known.headline for _, known in group]:
                group.append((one, finding))
    return groups.values()


def _weigh_group(
    group: list[tuple[Judged, Finding]], claims: Claims, layout: Layout
) -> AuditFinding:
    """Return one finding for a group, with the words of the first that is conclusive or, without
    one, of the first."""
    sure = [pair for pair in group if _is_sure(*pair, claims, layout) and not pair[1].warns]
    one, finding = (sure or group)[0]
    rows = claims.rows_of.get(one.step.id, [])
    kept = claims.is_kept(one.step.id)
    more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
    words = ", which was kept" if kept else _standing(rows)
    if not rows and sure and one.check in ("frozen", "frozen-symbol"):
        paths = [path for _, each in sure for path in each.paths]
        if since := find_compared(one.step, paths, claims, layout):
            kept, words = True, f", which has no row; {since} was kept by its values all the same"
    return AuditFinding(
        one.check,
        replace(
            finding,
            headline=finding.headline + more,
            where=f"{one.step}{words}",
            help=_HELP[one.check],
            warns=not (kept and sure),
            parts=(),
            paths=tuple(dict.fromkeys(path for _, each in group for path in each.paths))[:50],
        ),
        (one.step.id,),
        tuple(row.line for row in rows if row.status != "baseline"),
    )


def _join(check: str, found: Sequence[AuditFinding]) -> AuditFinding:
    """Return one warning for many about commits that were not kept, with the words of the first."""
    commits = tuple(dict.fromkeys(commit for one in found for commit in one.commits))
    return AuditFinding(
        check,
        replace(
            found[0].finding,
            headline=f"{len(found)} times in commits that no row keeps; the first: "
            + found[0].finding.headline,
            where=found[0].finding.where,
        ),
        commits,
        tuple(line for one in found for line in one.lines),
    )


def _standing(rows: Sequence[object]) -> str:
    """Return words that say of a commit that was not kept whether it has a row."""
    return ", which was not kept" if rows else ", which has no row"


def _narrow(one: Judged, claims: Claims, layout: Layout) -> Finding | None:
    """Return the finding as the audit reports it, or None if the audit leaves it out. A finding of
    `scope` keeps only the files that can be part of an experiment, and is left out if there are
    none; one that names no file is left out unless it is about a link. A finding that only says
    that a protected thing is gone or that nothing is protected is left out, and so is one of
    `frozen` that another one repeats with more detail; other findings are returned as they are."""
    finding = one.finding
    if finding.headline.endswith("nothing is protected") or " is gone: " in finding.headline:
        return None
    if one.check == "frozen" and finding.headline.endswith(" since trust"):
        return None  # its other finding says what changed
    if one.check != "scope":
        return finding
    if not finding.paths:
        return finding if "is a link" in finding.headline else None
    beside = _Beside(one.step, claims, layout)
    outside = [p for p in finding.paths if not matches(p, layout.editable)]
    outside = [p for p in outside if not beside.is_allowed(p)]
    paths = [p for p in outside if beside.is_telling(p) or _is_part(p, claims, layout)]
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
    """Return whether a file outside of the editable ones can be part of an experiment: it is a file
    of instructions for agents, or code or settings. The ledger, measuring code, which has findings
    of its own, files that declare dependencies, notebooks, JSON files and files about results are
    not."""
    name = posixpath.basename(path)
    if name in _INSTRUCTIONS:
        return True
    if path == claims.ledger or matches(path, layout.frozen) or not is_code(path):
        return False
    if name in ("pyproject.toml", "uv.lock", "package.json", "package-lock.json", "setup.cfg"):
        return False
    return not (_ASIDE.fullmatch(path) or path.endswith((".ipynb", ".json")))


class _Beside:
    """Tells which files that a commit changes outside of the editable ones matter to its
    experiment, by the instructions and by the lines that the commit adds to editable files."""

    def __init__(self, step: Step, claims: Claims, layout: Layout) -> None:
        self._step, self._claims, self._layout = step, claims, layout

    def is_telling(self, path: str) -> bool:
        """Return whether a file is the instructions, is fixed by their words, or is read by a line
        that the commit adds to an editable file. The ledger and what measures do not count."""
        layout = self._layout
        if path == layout.prose.file:
            return True
        measures = matches(path, layout.frozen) and (matches(path, layout.named) or is_code(path))
        if path == self._claims.ledger or measures:
            return False
        return is_below(path, layout.prose.fixed) or any(
            reads(line, path) for line in self._new_lines
        )

    def is_allowed(self, path: str) -> bool:
        """Return whether the commit changes nothing of a file but the parts that the instructions
        let an agent change; False if it adds or removes the file."""
        parts = allowed_parts(self._claims.instructions, path)
        if not parts:
            return False
        step = self._step
        before, after = (self._claims.text(at, path) for at in (step.parent, step.id))
        return bool(before and after) and changes_only(path, before, after, parts)

    @cached_property
    def _new_lines(self) -> tuple[str, ...]:
        """The lines that the commit adds to the editable files: those that the parent's version of
        the file lacks."""
        found: list[str] = []
        claims, step = self._claims, self._step
        for path in matching(claims.loop.history.changes(step), self._layout.editable):
            before = set(claims.text(step.parent, path).splitlines())
            after = claims.text(step.id, path).splitlines()
            found += [line for line in after if line not in before]
        return tuple(found)


def reads(line: str, path: str) -> bool:
    """Return whether a line of code reads the file at ``path``: the line has, in quotes or in angle
    brackets, the file's name, with any folders or none before it, a word that reads or includes,
    and no word that writes."""
    name = re.escape(posixpath.basename(path))
    named = re.search(rf"""["'`</]{name}["'`>]""", line)
    return bool(named and _READS.search(line) and not _WRITES.search(line))


def _is_in_fixed_folder(path: str, layout: Layout) -> bool:
    """Return whether a file is code in a folder that the instructions call fixed and whose own name
    is typical of what measures, such as ``evaluation/``."""
    folders = [one for one in layout.prose.fixed if one.endswith(("/", "/*", "/**"))]
    return is_code(path) and any(
        is_below(path, [one]) and MEASURES.match(posixpath.basename(one.rstrip("/*")))
        for one in folders
    )


def _is_sure(one: Judged, finding: Finding, claims: Claims, layout: Layout) -> bool:
    """Return whether a finding has no innocent explanation if its commit was kept. One of `scope`
    has none if the editable files are stated, the file is Python or `_Beside.is_telling`, and the
    commit changes editable files too and has one row; one of `frozen` if the file is named as what
    measures, has such a name or `_is_in_fixed_folder`, and the rule is not about added packages.
    One of `evaluation` about code that is too long may have one, and so may a removed dependency;
    all others have none."""
    if one.check == "scope":
        rows = claims.rows_of.get(one.step.id, [])
        code = matching(claims.loop.history.changes(one.step), layout.editable)
        beside = _Beside(one.step, claims, layout)
        telling = any(p.endswith(".py") or beside.is_telling(p) for p in finding.paths)
        return layout.stated and telling and bool(code) and len(rows) == 1
    if one.check == "frozen":
        if one.rule.endswith("::add-packages"):
            return False
        return any(
            matches(path, layout.named)
            or MEASURES.match(posixpath.basename(path))
            or _is_in_fixed_folder(path, layout)
            for path in finding.paths
        )
    if one.check == "evaluation" and " is longer than " in finding.headline:
        return False
    if one.check == "dependencies":
        return "removed" not in finding.headline.split(": ", 1)[-1][:8]
    return True
