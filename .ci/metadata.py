"""Check what a package index would show of the distributions in a folder.

usage: metadata.py FOLDER [TAG]   exit status 1 and a line for each fault
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

from readme_renderer import markdown

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parents[1]
#: A link or the source of an image, in what an index renders.
TARGET = re.compile(r'(?:href|src|srcset)="([^"]*)"')


def read(folder: Path) -> tuple[Message, Message]:
    """Return the metadata of the wheel and of the sdist in a folder."""
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        text = archive.read(name).decode()
    with tarfile.open(sdist) as archive:
        file = archive.extractfile(f"{sdist.name.removesuffix('.tar.gz')}/PKG-INFO")
        assert file is not None
        return Parser().parsestr(text), Parser().parsestr(file.read().decode())


def faults(wheel: Message, sdist: Message, tag: str) -> list[str]:
    """Return a line for each thing that is wrong with the metadata."""
    found = []
    [stated] = re.findall(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text())
    if wheel["Version"] != stated:
        found.append(f"the wheel has version {wheel['Version']}, pyproject.toml {stated}")
    if tag and tag != f"v{stated}":
        found.append(f"the tag is {tag}, and must be v{stated}")
    if wheel.as_string() != sdist.as_string():
        found.append("wheel and sdist have different metadata")
    rendered = markdown.render(wheel.get_payload())
    if not rendered:
        return [*found, "the description cannot be rendered"]
    links = TARGET.findall(rendered)
    if not links:
        found.append("the description has no links")
    own = {f"#{name}" for name in re.findall(r'id="([^"]+)"', rendered)}
    known = [link for link in links if link in own or re.match(r"https?://|mailto:", link)]
    relative = [link for link in links if link not in known]
    found += [f"the description has a relative link: {link}" for link in relative]
    pages = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("docs/*.md"))
    extras = wheel.get_all("Provides-Extra", [])
    unknown = [extra for extra in extras if f"pytest-ouro[{extra}]" not in pages]
    found += [f"no page says what the extra {extra} is for" for extra in unknown]
    return found


if __name__ == "__main__":
    wrong = faults(*read(Path(sys.argv[1])), sys.argv[2] if len(sys.argv) > 2 else "")
    for line in wrong:
        print(f"metadata: {line}", file=sys.stderr)
    sys.exit(bool(wrong))
