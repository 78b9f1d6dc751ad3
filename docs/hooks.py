"""What mkdocs does beyond its settings: the pages of the repository's top folder are pages of the
site too, and links to other files above docs lead to the repository."""

import os
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
#: The files of the top folder that are pages of the site, and their names there.
PAGES = {name: name.lower() for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}
_LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Add the pages of the top folder."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        text = _LINK.sub(lambda link: _to_site(link, ROOT, DOCS, config["repo_url"]), text)
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Change the links of a page to files above docs."""
    if page.file.src_uri in PAGES.values():
        return markdown  # done by `on_files`
    folder = (DOCS / page.file.src_uri).parent
    return _LINK.sub(lambda link: _to_site(link, folder, folder, config["repo_url"]), markdown)


def _to_site(link, folder, place, repository):
    """A link of a file in ``folder``, as a page in ``place`` must write it."""
    target, anchor = (folder / link[1]).resolve(), link[2] or ""
    name = target.relative_to(ROOT).as_posix()
    if name in PAGES:
        target = DOCS / PAGES[name]
    elif not target.is_relative_to(DOCS):
        return f"]({repository}/blob/main/{name}{anchor})"
    return f"]({Path(os.path.relpath(target, place)).as_posix()}{anchor})"
