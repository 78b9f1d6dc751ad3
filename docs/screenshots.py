"""Write the screenshots of the page that README and docs show.

    python docs/screenshots.py

It plays the demo, which the README shows, and writes a night of 120 tries that nobody ran
(benchmarks/night_of_120.py), which docs/report.md explains; the first in light and dark colours,
both at 1280 × 720. It needs Chromium and the dependency group ``browser``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from tests.report.page.browser import Seen, open_browser  # noqa: E402

SIZE = {"width": 1280, "height": 720}


def play_demo(folder: Path) -> None:
    ouro(folder.parent, "demo", folder, "--no-open")


def write_night(folder: Path) -> None:
    script = DOCS.parent / "benchmarks/night_of_120.py"
    subprocess.run([sys.executable, script, folder], check=True)


def ouro(folder: Path, *words: object) -> None:
    command = [sys.executable, "-m", "pytest_ouro", *map(str, words)]
    subprocess.run(command, cwd=folder, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        pages = {}
        for name, write in (("demo", play_demo), ("night", write_night)):
            folder = Path(temporary) / name
            write(folder)
            pages[name] = Path(temporary) / f"{name}.html"
            ouro(folder, "report", pages[name])
        for browser in open_browser():
            for name, page in pages.items():
                for colours in ("light", "dark") if name == "demo" else ("light",):
                    with Seen(browser, page, viewport=SIZE, color_scheme=colours) as seen:
                        seen.page.screenshot(path=DOCS / "images" / f"{name}-{colours}.png")


if __name__ == "__main__":
    main()
