"""Read and write the text of bound.lock, which lists the digests of the files that a person
blessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "bound.lock"
#: The version of the format. A lock without one was written before there was a number.
VERSION = 1


@dataclass(frozen=True)
class Lock:
    """The content of bound.lock. ``blessed`` is the time of the blessing as text. ``files`` maps
    repository-relative paths to ``sha256:…`` of the canonical bytes (LF line ends). ``data`` maps
    names of files outside git (``~/…``, absolute, or relative to the experiment) to ``sha256:…`` of
    the bytes.

    ``id`` is random, 16 hex digits, so that no two blessings write the same bytes; "" in an older
    lock. ``baseline`` is the ``id`` of the last blessing with ``--new-baseline``, this one or an
    earlier one: only runs since then are compared; "" means all runs.
    """

    blessed: str
    files: Mapping[str, str]
    data: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    baseline: str = ""

    def dumps(self) -> str:
        """Return the text of bound.lock, with paths sorted, so that a diff shows only what
        changed."""
        lines = [
            "# Written by `pytest-ouro bless`: a person declares these bytes the truth.",
            "# sha256 of each file, text with LF line endings.",
            f"version = {VERSION}",
            f'id = "{self.id}"',
            f"blessed = {_quoted(self.blessed)}",
        ]
        if self.baseline:
            lines.append(f'baseline = "{self.baseline}"  # runs are compared since this blessing')
        for title, table in (("files", self.files), ("data", self.data)):
            if table or title == "files":
                rows = [
                    f"{_quoted(path)} = {_quoted(value)}" for path, value in sorted(table.items())
                ]
                lines += ["", f"[{title}]", *rows]
        return "\n".join([*lines, ""])


def loads(text: str, *, name: str = NAME) -> Lock:
    """Parse the text of a bound.lock. ``name`` is the path that errors show.

    Raise TrustError if the text is not TOML, or has a ``version`` that is later than `VERSION` or
    no integer, if ``[files]`` is missing, if a table maps to anything but ``sha256:…`` digests, or
    if ``id`` or ``baseline`` is present, not empty, and not 16 hex digits in lower case.
    """
    from pytest_ouro.evidence import toml

    try:
        table = toml.loads(text)
    except ValueError as error:
        raise messages.damaged_lock(name, str(error)) from None
    version = table.get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        raise messages.newer_lock(name, version, VERSION)
    ids: dict[str, str] = {}
    for key in ("id", "baseline"):
        value = table.get(key, "")
        if not isinstance(value, str) or not (value == "" or _is_hex(value, 16)):
            raise messages.damaged_lock(name, f"'{key}' must be 16 hex digits")
        ids[key] = value
    digests: dict[str, dict[str, str]] = {}
    for title, found in (("files", table.get("files")), ("data", table.get("data", {}))):
        if not isinstance(found, dict) or not all(map(_is_digest, found.values())):
            raise messages.damaged_lock(name, f"[{title}] must map paths to sha256 digests")
        digests[title] = found
    blessed = str(table.get("blessed", ""))
    return Lock(blessed, digests["files"], digests["data"], ids["id"], ids["baseline"])


def _is_digest(value: object) -> bool:
    """Return whether a value of a table is the digest of a file, ``sha256:…``."""
    start, _, digits = value.partition(":") if isinstance(value, str) else ("", "", "")
    return start == "sha256" and _is_hex(digits, 64)


def _is_hex(text: str, digits: int) -> bool:
    """Return whether ``text`` consists of exactly ``digits`` hex digits, in lower case."""
    return len(text) == digits and not text.strip("0123456789abcdef")


def _quoted(text: str) -> str:
    """Return ``text`` as a TOML string in double quotes."""
    import json

    return json.dumps(text, ensure_ascii=False)
