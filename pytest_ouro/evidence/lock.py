"""Read and write bound.lock: the digests of the files that a person declared to be the truth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "bound.lock"
_DIGEST = r"sha256:[0-9a-f]{64}"


@dataclass(frozen=True)
class Lock:
    """The content of bound.lock. ``blessed`` says when a person blessed it; ``files`` maps a path
    from the repository's top to ``sha256:…`` of its canonical bytes, ``data`` a file outside git
    (``~/…``, or relative to the experiment) to ``sha256:…``."""

    blessed: str
    files: Mapping[str, str]
    data: Mapping[str, str] = field(default_factory=dict)

    def dumps(self) -> str:
        """Return the text of bound.lock, with sorted paths, so that a diff shows only what
        changed."""
        lines = [
            "# Written by `pytest-ouro bless`: a person declares these bytes the truth.",
            "# sha256 of each file, text with LF line endings.",
            f"blessed = {_quoted(self.blessed)}",
        ]
        for title, table in (("files", self.files), ("data", self.data)):
            if table or title == "files":
                rows = [
                    f"{_quoted(path)} = {_quoted(value)}" for path, value in sorted(table.items())
                ]
                lines += ["", f"[{title}]", *rows]
        return "\n".join([*lines, ""])


def loads(text: str, *, name: str = NAME) -> Lock:
    """Return the lock that a text of bound.lock states. TrustError, which calls the file ``name``,
    if it is not TOML, has no table ``files``, or a digest is not ``sha256:…``."""
    from pytest_ouro.evidence import toml

    try:
        table = toml.loads(text)
    except ValueError as error:
        raise messages.damaged_lock(name, str(error)) from None
    files, data = table.get("files"), table.get("data", {})
    for title, digests in (("files", files), ("data", data)):
        if not isinstance(digests, dict) or not all(
            isinstance(value, str) and re.fullmatch(_DIGEST, value) for value in digests.values()
        ):
            raise messages.damaged_lock(name, f"[{title}] must map paths to sha256 digests")
    return Lock(str(table.get("blessed", "")), files or {}, data)


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)
