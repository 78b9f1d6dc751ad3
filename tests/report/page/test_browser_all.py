"""Each page at three widths in both colour schemes: its layout, and what axe-core finds."""

import os
from pathlib import Path

import pytest

from .browser import Seen
from .conftest import SHAPES

pytestmark = pytest.mark.tier(3)
WIDTHS = (390, 768, 1280)
#: The kinds of findings that fail a test.
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def axe():
    """The text of axe-core, which OURO_AXE names the folder of; without it, the test is skipped."""
    path = Path(os.environ.get("OURO_AXE", ""), "axe.min.js")
    if not os.environ.get("OURO_AXE") or not path.is_file():
        pytest.skip("needs axe-core: OURO_AXE names the folder of its axe.min.js")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SHAPES)
def test_every_night_fits(browser, written, name, width, scheme):
    size = {"width": width, "height": 800}
    with Seen(browser, written(name), viewport=size, color_scheme=scheme) as seen:
        seen.demand_silence(written(name))
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        cut = seen.page.evaluate(
            """() => [...document.querySelectorAll('h1, h2, h3, dt, dd, p, td, th')]
                .filter((it) => it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 0)
                .map((it) => it.textContent.slice(0, 60))"""
        )
        assert cut == []
        overlaps = seen.page.evaluate(
            """() => {
                const boxes = [...document.querySelectorAll('.labels text')]
                    .map((it) => it.getBoundingClientRect()).filter((box) => box.width);
                return boxes.filter((one, n) => boxes.slice(n + 1).some((other) =>
                    one.left < other.right - 2 && other.left < one.right - 2
                    && one.top < other.bottom - 2 && other.top < one.bottom - 2)).length;
            }"""
        )
        assert overlaps == 0, "labels cover each other"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SHAPES)
def test_axe_finds_nothing_serious(browser, written, axe, name, scheme):
    size = {"width": 1280, "height": 800}
    with Seen(browser, written(name), viewport=size, color_scheme=scheme, bypass_csp=True) as seen:
        page = seen.page
        for opened in (False, True):
            if opened:
                if not page.locator("table.runs a").count():
                    break
                page.locator("table.runs a").first.click()
                page.wait_for_selector("dialog[open]")
            page.evaluate(axe)
            found = page.evaluate("axe.run()")["violations"]
            serious = [
                (one["id"], node["target"], node["failureSummary"][:300])
                for one in found
                if one["impact"] in SERIOUS
                for node in one["nodes"][:3]
            ]
            assert serious == []
