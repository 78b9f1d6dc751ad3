"""What a person does about a journal that cannot be restored."""

from __future__ import annotations

from pathlib import Path

from pytest_ouro.core.escape import quoted


def start_again(journal: str) -> str:
    """Return the end of a help: shell commands by which a person starts again without the journal
    at this path. For a journal that clones share (a file ``project`` lies beside it), they name the
    folder above that of the journal as the repository."""
    folder = Path(journal).parent
    git = f"git -C {quoted(str(folder.parent))}" if (folder / "project").exists() else "git"
    return (
        f"a person moves it away, to start again, and blesses: mv {quoted(journal)} "
        f"{quoted(journal + '.old')}; {git} update-ref -d refs/ouro/journal; pytest-ouro bless"
    )
