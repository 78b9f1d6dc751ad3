"""Ask for every address of the web that README and docs link to, and print those that fail.

    python docs/check_links.py

CI does not run it, since it needs a network. Links within the repository are checked by
tests/test_docs.py, those of the site by ``mkdocs build --strict``.
"""

from __future__ import annotations

import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((https?://[^)\s]+)\)|<(https?://[^>\s]+)>")
#: Addresses that exist only once the repository has an owner, or on the reader's machine.
NOT_ASKED = ("https://github.com/OWNER/", "http://127.0.0.1")


def addresses() -> dict[str, str]:
    """Return each address, without its anchor, and the first page that has it."""
    found: dict[str, str] = {}
    for page in [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]:
        for one, other in LINK.findall(page.read_text(encoding="utf-8")):
            address = (one or other).partition("#")[0]
            if not address.startswith(NOT_ASKED):
                found.setdefault(address, page.relative_to(ROOT).as_posix())
    return found


def fault(address: str) -> str:
    """Return why an address cannot be read, "" if it can."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urllib.request.urlopen(request, timeout=30):
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in (403, 429) else str(error)  # refused to programs alone
    except OSError as error:
        return str(error)


def main() -> int:
    found = addresses()
    with ThreadPoolExecutor(8) as pool:
        faults = list(zip(found.items(), pool.map(fault, found), strict=True))
    for (address, page), words in faults:
        if words:
            print(f"{page}: {address}: {words}")
    broken = sum(bool(words) for _, words in faults)
    print(f"{len(found)} addresses, {broken} broken")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
