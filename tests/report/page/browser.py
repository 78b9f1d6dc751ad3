"""A headless Chromium for the tests of the page, and the pages of written nights."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The names of the program; playwright's own download is not used.
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """Return the path of Chromium; skip the test if there is none, or no playwright."""
    pytest.importorskip("playwright", reason="needs the dependency group 'browser'")
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


def open_browser() -> Iterator[Any]:
    """Yield a browser, which is closed afterwards."""
    program = find_chromium()
    from playwright.sync_api import sync_playwright

    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=args)
        yield browser
        browser.close()


class Seen:
    """A page in a window of its own, with what it printed, and what it asked for beside itself."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.printed: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.printed.append(message.text))
        self.page.on("pageerror", lambda error: self.printed.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()

    def box(self, selector: str) -> Any:
        """Return the rectangle of the first element that matches."""
        return self.page.locator(selector).first.bounding_box()

    def demand_silence(self, path: Path) -> None:
        """Demand that the page printed nothing, and loaded nothing but itself."""
        assert self.printed == []
        assert self.asked == [path.as_uri()]
