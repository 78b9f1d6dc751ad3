"""Read what the agent of the demo tries, and the files of its experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence import toml

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE = Path(__file__).parent
#: The file that the agent may edit, and what surrounds its functions.
EDITABLE = "sort.py"
_BEGIN, _END = "def comparisons", '\n\nif __name__ == "__main__"'
#: The names of the files in the wheel, by their names in the experiment. A file with the name of
#: the first would be a setting of our own repository.
_FILES = {".gitignore": "gitignore"} | {
    name: name for name in ("README.md", "bound.toml", "evaluate.py", EDITABLE)
}


class _Table(TypedDict, total=False):
    """A table ``try`` of night.toml. Its keys are the fields of a `Try`, and those with a default
    may be left out."""

    says: str
    expects: str
    code: str
    replace: list[str]
    file: str
    append: str
    cheat: str


@dataclass(frozen=True)
class Try:
    """One try of the script: what the agent ``says``, and the verdict that the script ``expects``,
    which decides nothing.

    ``code`` replaces the functions of the editable file ("": they stay), and then ``replace``, an
    old and a new text, replaces a text in it. ``append`` is added to the end of ``file``, "" for
    none. ``cheat`` says in words what is forged, "" for an honest try.
    """

    says: str
    expects: str
    code: str = ""
    replace: Sequence[str] = ("", "")
    file: str = ""
    append: str = ""
    cheat: str = ""

    def edit(self, text: str) -> str:
        """Return the text of the editable file after the try; ``text`` is that of its first
        version. Raise ValueError if ``code`` is to be put into a text without `_END`."""
        if self.code:
            begin, _, _ = text.partition(_BEGIN)
            text = begin + self.code.lstrip("\n") + text[text.index(_END) :]
        old, new = self.replace
        return text.replace(old, new) if old else text


def read_tries() -> list[Try]:
    """Return the tries of the script, in their order."""
    tables = cast("list[_Table]", toml.loads(_read("night.toml"))["try"])
    return [Try(**table) for table in tables]


def read_files() -> dict[str, str]:
    """Return the texts of the experiment's files, by their names in it."""
    return {name: _read(f"experiment/{file}") for name, file in _FILES.items()}


def _read(name: str) -> str:
    """Return the text of a file of the demo; ``name`` is its path below this module's folder."""
    return (_HERE / name).read_text(encoding="utf-8")
