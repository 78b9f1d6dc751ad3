"""Find the editable Python files that differ from trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.paths import matching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


def changed_scripts(evidence: Evidence) -> Iterator[tuple[str, bytes | None, list[bytes]]]:
    """Yield the path of each changed script, its trusted bytes and its different present bytes.

    The trusted bytes are None if trust lacks the file. The present ones are in the order commit,
    index, working tree, without those that equal the trusted ones.
    """
    files = matching(evidence.repository.index, evidence.layout.editable_globs)
    paths = [path for path in files if path.endswith(".py")]
    for path, contents in evidence.repository.contents(paths).items():
        trusted = evidence.trust.before(path)
        versions = [d for d in dict.fromkeys(contents.values()) if d is not None and d != trusted]
        if versions:
            yield path, trusted, versions
