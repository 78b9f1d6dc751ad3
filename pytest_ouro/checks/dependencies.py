"""``dependencies``: no package was added, removed or changed in what is declared and locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.evidence.dependencies import statements
from pytest_ouro.evidence.repository import digest
from pytest_ouro.finding import Finding, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.dependencies import DependencyFile
    from pytest_ouro.evidence.observed import Evidence


@dataclass(frozen=True, kw_only=True)
class Dependencies(Check):
    """No parameters: manifests and locks of the experiment's folder and the folders above it."""

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        for file in evidence.dependency_files:
            differences: dict[str, list[str]] = {}
            for place, data in file.now.items():
                if difference := _difference(file, data):
                    where = f"commit {evidence.repository.head[:7]}" if place == "commit" else place
                    differences.setdefault(difference, []).append(where)
            for difference, places in differences.items():
                restore = f"git checkout {evidence.trust.commit[:7]} -- {file.path}"
                yield Finding(
                    f"{file.path}: {difference}",
                    where=f"changed in: {several(places)}",
                    help=(
                        restore
                        if file.known and evidence.trust.commit
                        else f"undo it in {file.path}"
                    )
                    + "   (a person may bless a change: pytest-ouro bless)",
                    facts={"path": file.path},
                )

    def trusted_paths(self, evidence: Evidence) -> list[str]:
        index = evidence.repository.index
        return [file.path for file in evidence.dependency_files if file.path in index]


def _difference(file: DependencyFile, data: bytes | None) -> str:
    """What changed in one place, in words; "" if nothing that matters did."""
    if data is None:
        return "deleted" if file.known else ""
    if not file.known:
        named = list(statements(file.path, data))
        return f"a new dependency file ({several(named)})" if named else "a new dependency file"
    if digest(data) == file.trusted_digest:
        return ""
    if file.trusted is None:
        return "changed since it was blessed"
    before, after = statements(file.path, file.trusted), statements(file.path, data)
    words = []
    if added := sorted(after.keys() - before.keys()):
        words.append(f"added {several([_named(name, after) for name in added])}")
    if removed := sorted(before.keys() - after.keys()):
        words.append(f"removed {several(removed)}")
    changed = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    if changed:
        words.append(
            f"changed {several([f'{name} {before[name]} → {after[name]}' for name in changed])}"
        )
    if not words and file.locks:
        words.append("the lock changed (same packages and versions)")
    return "; ".join(words)


def _named(name: str, statements: dict[str, str]) -> str:
    return f"{name} {statements[name]}".strip()
