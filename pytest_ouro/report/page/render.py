"""Render the facts of a page as one HTML file. Nothing untrusted gets into it but by `Page.show`
and `show_lines`."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from pytest_ouro.report.html.document import make_document, make_policy
from pytest_ouro.report.page.parts.diff import write_first
from pytest_ouro.report.page.parts.head import write_head, write_title
from pytest_ouro.report.page.parts.page import Page
from pytest_ouro.report.page.parts.picture import draw_picture
from pytest_ouro.report.page.parts.runs import write_curves, write_plot, write_runs
from pytest_ouro.report.page.parts.tables import (
    write_counts,
    write_kept,
    write_losses,
    write_sides,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.report.page.facts import Facts

#: Where the current run stands in a page that is served. A "<" of a text is always escaped.
_CURRENT = "<!-- the current run -->"


def render(facts: Facts, *, raw: bool = False) -> str:
    """Return the page. What is private in its texts is redacted unless ``raw``."""
    return _render(Page(facts, raw), _read_assets())


def render_served(facts: Facts) -> tuple[str, str]:
    """Return the page that is served, which loads itself again from time to time, in two parts:
    what `write_current` writes about the current run belongs between them."""
    text = _render(Page(facts, raw=False), _read_assets(served=True), current=_CURRENT)
    before, _, after = text.partition(_CURRENT)
    return before, after


def render_policy() -> str:
    """Return the policy for browsers that the served page has, for the header of an answer with
    it."""
    style, script = _read_assets(served=True)
    return make_policy(style=style, script=script)


def _render(page: Page, assets: tuple[str, str], current: str = "") -> str:
    """Return the page with this style sheet and script, and with this HTML below its title."""
    facts, (style, script) = page.facts, assets
    title = f"{page.show(facts['experiment'], 60)}: {page.show(facts['claim']['headline'], 100)}"
    return make_document(title, _list_parts(page, current), style=style, script=script)


def _read_assets(*, served: bool = False) -> tuple[str, str]:
    """Return the style sheet and the script of the page, or, if ``served``, of the page that is
    served, each without its indentation, which is a tenth of it."""
    styles, scripts = ["page.css"], ["page.js"]
    if served:
        styles.append("served.css")
        scripts.append("refresh.js")
    style, script = ("\n".join(map(read_asset, names)) for names in (styles, scripts))
    return re.sub("(?m)^ +", "", style), re.sub("(?m)^ +", "", script)


def draw(facts: Facts, *, raw: bool = False) -> str:
    """Return the picture, an SVG file. What is private in its texts is redacted unless ``raw``."""
    return draw_picture(Page(facts, raw))


def read_asset(name: str) -> str:
    """Return the text of a file that lies beside this module."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _list_parts(page: Page, current: str) -> Iterator[str]:
    """Yield the parts of the body, with the HTML ``current`` below the title."""
    yield '<a class="skip" href="#runs">Skip to the table of all runs</a>'
    yield from write_title(page)
    yield current
    yield from write_head(page)
    yield "<main>"
    yield from write_plot(page)
    yield from write_first(page)
    yield from write_kept(page)
    yield from write_losses(page)
    yield from write_sides(page)
    yield from write_curves(page)
    yield from write_counts(page)
    yield from write_runs(page)
    yield "</main>"
    yield from _write_end(page)


def _write_end(page: Page) -> Iterator[str]:
    """Yield how the page was made, and the details of runs as data: all signs that
    could end the element are escaped."""
    details = page.facts["details"]
    left = details["all"] - details["kept"]
    words = [f"Made {page.show_time(page.facts['made'])}."]
    if details["all"]:
        words.append(
            f"Details of {details['kept']} of {details['all']} runs lie in this page"
            + (f"; {left} were left out, the oldest discards first." if left else ".")
        )
    if not page.raw:
        words.append("Home folders, hosts, addresses and secrets in texts are hidden.")
    words.append("docs/report.md of pytest-ouro explains every number.")
    yield f"<footer><p>{' '.join(words)}</p><noscript><p>The details of runs, zoom, filters and "
    yield "sorting need JavaScript; all else works without.</p></noscript></footer>"
    data = {"block": details["block"], "blocks": details["blocks"]}
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    yield f'<script type="application/json" id="details">{text}</script>'
