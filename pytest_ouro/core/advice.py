"""What a person does about a journal that cannot be restored."""

from __future__ import annotations

from pathlib import Path

from pytest_ouro.core.escape import quoted


def start_again(journal: str) -> str:
    """Return the end of a help: how a person starts again without the journal at this path, by
    commands for a shell. The ref of a journal that clones share, which a file beside it shows, is
    in the repository around it."""
    folder = Path(journal).parent
    git = f"git -C {quoted(str(folder.parent))}" if (folder / "project").exists() else "git"
    return (
        f"a person moves it away, to start again, and blesses: mv {quoted(journal)} "
        f"{quoted(journal + '.old')}; {git} update-ref -d refs/ouro/journal; pytest-ouro bless"
    )
