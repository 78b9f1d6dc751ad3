"""``frozen``: these files are equal to the trusted ones, byte for byte except for line endings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.checks._remedy import drop_command, places, remove_command, undo_command
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, count, several
from pytest_ouro.core.schema import FILLED, option
from pytest_ouro.evidence.content import digest, has_digest, short
from pytest_ouro.evidence.paths import Glob, matches, matching
from pytest_ouro.messages import checks as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.evidence.evidence import Evidence, Layout


@dataclass(frozen=True, kw_only=True)
class Frozen(Check):
    """The files are equal to the trusted ones, byte for byte except for line endings: in the
    commit, in the index and in the working tree, where none is a link. No file that matches the
    globs was added, and trust has a file for each glob. With ``history``, no commit since trust
    changed them."""

    paths: tuple[Glob, ...] = option(
        "globs relative to the experiment's root", items=1, pattern=FILLED
    )
    history: bool = option(
        "no commit since trust may have touched them, not even one that was undone", default=False
    )

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding for each glob that no trusted file matches, one about files that were
        added, one for each that changed, and with ``history`` one about what commits changed."""
        globs = [evidence.layout.path(path) for path in self.paths]
        trusted = sorted(matching(evidence.trust.paths, globs))
        for given, glob in zip(self.paths, globs, strict=True):
            if not matching(trusted, [glob]):
                yield Finding(
                    f"{given} is not among the trusted files: nothing is protected",
                    where=f"trust: {evidence.trust}",
                    help="fix the path in bound.toml, or a person blesses the file: "
                    "pytest-ouro bless",
                )
        yield from self._added(evidence, globs)
        yield from self._changed(evidence, trusted)
        if self.history:
            yield from self._history(evidence, globs)

    def _added(self, evidence: Evidence, globs: list[str]) -> Iterator[Finding]:
        """Yield one finding about all files that match ``globs``, relative to the repository's top,
        and are not in trust: those in the commit or the index, and untracked ones. Nothing without
        such a file."""
        repository = evidence.repository
        present = [repository.head_tree, repository.index, repository.untracked]
        found = {path for paths in present for path in matching(paths, globs)}
        new = sorted(found - evidence.trust.paths)
        if new:
            word = remove_command(repository, new[0])
            yield Finding(
                f"{several(new)} was added among the frozen files",
                where=f"trust: {evidence.trust}",
                help=drop_command(evidence, new)
                or f"{word}   (a person may bless it: pytest-ouro bless)",
                facts={"path": new[0], "files": len(new)},
                paths=tuple(new),
            )

    def _changed(self, evidence: Evidence, trusted: list[str]) -> Iterator[Finding]:
        """Yield a finding for each path of ``trusted`` whose file is absent or different in a
        checked place, or is a link in the working tree. While a blessing is not committed, only the
        last checked place counts, such as the working tree."""
        trust, contents = evidence.trust, evidence.repository.contents(trusted)
        for path in trusted:
            wanted, states = trust.digest(path), contents[path]
            if trust.blessing_pending:  # a person has just blessed the working tree
                states = dict(list(states.items())[-1:])
            different = {data for data in states.values() if data is not None}
            blessed = {data for data in different if has_digest(data, wanted)}
            wrong = {place: data for place, data in states.items() if data not in blessed}
            if evidence.repository.subject == "working tree":
                full = evidence.repository.git.top / path
                if full.is_symlink() and "working tree" not in wrong:
                    wrong["working tree"] = None
            if not wrong:
                continue
            found = next(reversed(wrong.values()))

            def fault(data: bytes | None, wanted: str = wanted) -> bool:
                """Return whether the file is absent (None) or does not have the trusted digest."""
                return data is None or not has_digest(data, wanted)

            where, _ = places(evidence, path, wrong, fault)
            now = short(digest(found)) if found is not None else "no such file"
            yield Finding(
                f"{path} changed (sha256 {short(wanted)} → {now})",
                where=f"changed in: {several(where or ['the working tree'])}",
                expected=wanted,
                actual=digest(found) if found is not None else "",
                help=undo_command(evidence, path),
                facts={"path": path},
                paths=(path,),
                parts=(path,),
            )

    def _history(self, evidence: Evidence, globs: list[str]) -> Iterator[Finding]:
        """Yield one finding if commits since trust changed files that match ``globs``, relative to
        the repository's top, even if later ones undid it; otherwise nothing."""
        changes = [c for c in evidence.repository.committed if matches(c.path, globs)]
        if changes:
            names = several(sorted({change.path for change in changes}))
            commits = list(dict.fromkeys(change.where for change in changes))
            yield Finding(
                f"{names} was changed by {count(len(commits), 'commit')} since trust",
                where=f"changed in: {several(commits)}",
                help=drop_command(evidence, {change.path for change in changes}),
                facts={"commits": len(commits), "path": changes[0].path},
                paths=tuple(sorted({change.path for change in changes})),
            )

    def protects(self, layout: Layout) -> Protection:
        """Return that the files of the globs are frozen."""
        return Protection(frozen=[layout.path(path) for path in self.paths])

    def trusted_paths(self, evidence: Evidence) -> Iterable[str]:
        """Return the files of the index that match the rule's globs. TrustError if there is
        none."""
        found = super().trusted_paths(evidence)
        if not found:
            raise messages.no_tracked_file(self.paths)
        return found
