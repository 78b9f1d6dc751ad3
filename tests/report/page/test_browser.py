"""The page in a real browser: what is seen first, by keyboard, without a script, from strangers."""

import re

import pytest

from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.records.heartbeat import Beating
from pytest_ouro.report.page.parts.current import write_current
from pytest_ouro.report.page.render import render_served

from ..test_watch import NOW, alive
from .browser import Seen

pytestmark = pytest.mark.tier(2)
LAPTOP = {"viewport": {"width": 1280, "height": 720}}


@pytest.fixture
def night(browser, written):
    """The page of a night in a window of the size of a laptop's screen."""
    with Seen(browser, written("night"), **LAPTOP) as seen:
        yield seen


def test_nothing_is_printed_and_nothing_is_loaded(night, written):
    night.demand_silence(written("night"))


def test_the_answers_are_seen_without_scrolling(night):
    for selector in ("#claim", ".claim .numbers", "a.read", ".states", "#progress figure > .stage"):
        box = night.box(selector)
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= 720, selector
    answers = night.page.locator(".answers dt").all_inner_texts()
    assert answers == ["Tried", "Kept", "Went wrong", "Cost", "Placebos", "Vault"]


def test_the_first_diff_is_one_click_away(night):
    night.page.click("a.read")

    assert night.page.evaluate("location.hash") == "#first"
    assert night.page.locator("#first .add").first.is_visible()


def test_the_plot_is_walked_by_keyboard(night):
    page = night.page
    page.locator(".stage").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    tip = page.locator(".tip").first.inner_text()
    assert tip.startswith("#2 ")
    page.keyboard.press("+")
    assert page.locator("svg.zoomed").count() == 1
    page.keyboard.press("0")
    assert page.locator("svg.zoomed").count() == 0
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert page.locator("dialog h3").inner_text().split()[0] in tip
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "stage"


def test_every_stop_of_the_tab_key_is_seen(night):
    page, stops = night.page, []
    for _ in range(14):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
                const it = document.activeElement, box = it.getBoundingClientRect();
                const style = getComputedStyle(it);
                return [it.className || it.tagName, style.outlineStyle,
                        box.bottom > 0 && box.top < innerHeight && box.width > 0];
            }"""
        )
        stops.append(found[0])
        assert found[1:] == ["solid", True], found
    assert stops[:2] == ["skip", "read"]
    assert "stage" in stops


def test_a_run_opens_with_its_details_and_beside_another(night):
    page = night.page
    assert page.locator("table.runs a").count() == page.locator("table.runs tbody tr").count()
    link = page.locator("table.kept a").first
    link.click()
    page.wait_for_selector("dialog[open] .diff")
    names = page.locator("dialog dt").all_inner_texts()
    assert {"description", "why", "measured", "claimed", "level", "memory", "device"} <= {*names}
    assert page.locator("dialog .log").count() == 1
    page.get_by_role("button", name="Compare with").click()
    page.locator("table.kept a").nth(1).click()
    page.wait_for_selector("dialog[open] .run:nth-child(2)")
    page.keyboard.press("Escape")
    assert not page.locator(".choosing").is_visible()
    page.reload()
    assert page.locator("dialog[open]").count() == 0, "what was closed stays closed"


def test_runs_are_filtered_and_sorted(night):
    page = night.page
    rows = "table.runs tbody tr:not([hidden])"
    every = page.locator(rows).count()
    page.select_option("select", "kept")
    kept = page.locator(rows)
    assert 0 < kept.count() < every
    verdicts = page.locator(f"{rows} td:nth-child(3)").all_inner_texts()
    assert all(text.startswith("keep ") for text in verdicts)
    page.select_option("select", "all runs")
    page.get_by_role("button", name="value").click()
    shown = page.locator("table.runs tbody td:nth-child(4)").all_inner_texts()
    values = [float(text) for text in shown if text]
    assert values == sorted(values)
    assert shown[len(values) :] == [""] * (every - len(values)), "unknown values are last"
    page.fill("input[type=search]", "no such word")
    assert page.locator(rows).count() == 0
    assert page.locator(".count").inner_text() == f"0 of {every}"


def test_text_of_strangers_does_nothing(night, written):
    page = night.page
    assert "written night" in page.title()
    assert page.locator("img, iframe, object, embed, form").count() == 0
    assert page.locator("script").count() == 2, "the data and the page's own"
    text = page.locator("body").inner_text()
    assert "<script>document.title='owned'</script>" in text
    assert r"\x1b[31m" in text
    assert r"\u202e" in text
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066\u2067]", text
    )
    links = page.locator("a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
    assert [link for link in links if not link.startswith("#")] == []
    night.demand_silence(written("night"))


def test_the_policy_blocks_what_gets_in_all_the_same(night):
    page = night.page
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.owned = 1';
            document.body.append(script);
            const image = document.createElement('img');
            image.src = 'https://example.invalid/x.png';
            document.body.append(image);
            document.body.insertAdjacentHTML('beforeend', '<b onclick="window.owned = 2">x</b>');
            document.body.lastChild.click();
        }"""
    )
    refused = []
    while len(refused) < 3:  # the browser says so when it likes
        page.wait_for_timeout(20)
        refused = [line for line in night.printed if "Content Security Policy" in line]

    assert page.evaluate("window.owned") is None


def test_without_javascript_all_but_details_is_there(browser, written):
    with Seen(browser, written("night"), java_script_enabled=False, **LAPTOP) as seen:
        page = seen.page
        assert page.locator("#progress svg .mark").count() > 2
        assert page.locator("#first .diff").is_visible()
        assert page.locator("table.runs tbody tr").count() >= 36
        assert page.locator("table.runs a").count() == 0, "nothing would open"
        page.locator("table.kept a").first.click()
        assert page.locator("tr:target").is_visible()
        assert "need JavaScript" in page.locator("noscript").inner_text()


def test_a_narrow_window_is_not_scrolled_sideways(browser, written):
    with Seen(browser, written("night"), viewport={"width": 390, "height": 844}) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [1280, 390])
def test_the_bar_of_the_current_run_is_seen_first(browser, facts, tmp_path, width):
    with Beating(Journal(tmp_path), alive(description="an idea " * 9), None) as beating:
        beat = beating._beat._replace(phase="running", window=8.0, text="step 123 loss 4.56")
    before, after = render_served(facts("night"))
    path = tmp_path / "served.html"
    path.write_text("".join([before, *write_current([beat], "", NOW), after]), encoding="utf-8")

    with Seen(browser, path, viewport={"width": width, "height": 720}) as seen:
        bar, claim = seen.box(".now progress"), seen.box(".claim")
        assert bar["width"] > width * 0.8
        assert 0 < bar["y"] < claim["y"]
        assert claim["y"] < 300
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        seen.demand_silence(path)
