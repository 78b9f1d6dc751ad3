"""Draw the plot of the main curve as a file of its own, for a README."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.report.page.parts.labels import measure
from pytest_ouro.report.page.parts.page import make_metric
from pytest_ouro.report.page.parts.plot import NAMES, WIDTH, draw, shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.report.page.facts import Curve
    from pytest_ouro.report.page.parts.page import Page

#: The height of the plot, and of the title and the legend above it.
_PLOT, _HEAD = 420, 96
#: No variables: what turns SVG into PNG does not know them.
_STYLE = """\
svg{background:#fff}.ground{fill:#fff}text{font:12px system-ui,"Segoe UI",Helvetica,Arial,\
sans-serif;fill:#59626d}path{fill:none}.title{font-size:19px;font-weight:600;fill:#1c2127}\
.what{font-size:14px}.grid{stroke:#eaedf1}.y,.end{text-anchor:end}.x{text-anchor:middle}\
path.band{fill:#dfe4ea}.fresh,.leader{stroke:#d5dae0}\
.claimed{stroke:#6b7480;stroke-width:1.6;stroke-dasharray:5 4}\
.corrected{stroke:#12753a;stroke-width:2.2}.mark{stroke-linecap:round;stroke-linejoin:round}\
.discard{stroke:#9aa3ae;stroke-width:5}.aside{stroke:#c3c9d0;stroke-width:3}\
.placebo{stroke:#7a4fc2;stroke-width:1.6}.crash{stroke:#9aa3ae;stroke-width:1.5}\
.breach{fill:#c0271d}.provisional,.baseline{fill:#fff;stroke:#12753a;stroke-width:2.2}\
.baseline{stroke:#1c2127}.confirmed{fill:#12753a;stroke:#12753a;stroke-width:2.2}\
.refuted{stroke:#c0271d;stroke-width:2.2}.void{fill:#fff;stroke:#8a5a00;stroke-width:2}\
path.certified{stroke:#12753a;stroke-width:2}.mark.certified{stroke-width:8}\
.labels text{font-size:11px;fill:#1c2127}.ends text{font-weight:600}\
.ends .end-corrected,.ends .end-certified{fill:#12753a}
@media(prefers-color-scheme:dark){svg{background:#12161b}.ground{fill:#12161b}text{fill:#a0a9b5}\
.title,.labels text{fill:#e4e8ed}.grid{stroke:#262c34}path.band{fill:#2a3139}\
.fresh,.leader{stroke:#383f48}.claimed{stroke:#98a2ae}.corrected,path.certified{stroke:#54c982}\
.discard,.crash{stroke:#6d7784}.aside{stroke:#4a525d}.placebo{stroke:#b796f5}\
.breach{fill:#ff8177}.provisional,.baseline,.void{fill:#12161b}.provisional{stroke:#54c982}\
.baseline{stroke:#e4e8ed}.confirmed{fill:#54c982;stroke:#54c982}.refuted{stroke:#ff8177}\
.void{stroke:#e5ad4a}.ends .end-corrected,.ends .end-certified{fill:#54c982}}
"""


def draw_picture(page: Page) -> str:
    """Return an SVG file that needs nothing else: the claim, and the plot of the main curve, if
    there is one."""
    facts = page.facts
    headline = page.show(f"{facts['experiment']}: {facts['claim']['headline']}", 110)
    height = _HEAD + _PLOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img"><title>{headline}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="20" y="32">{headline}</text>',
    ]
    if facts["main"] is not None:
        curve = facts["curves"][facts["main"]]
        what = f"{make_metric(curve).name}, {curve['direction']} is better"
        parts.append(f'<text class="what" x="20" y="54">{page.show(what, 80)}</text>')
        parts.append("".join(_draw_legend(page, curve, 78)))
        title = page.show(what, 80)
        plot = draw(curve, facts["runs"], title=title, height=_PLOT, raw=page.raw)
        parts.append(plot.replace("<svg ", f'<svg y="{_HEAD}" height="{_PLOT}" ', 1))
    return "\n".join([*parts, "</svg>\n"])


def _draw_legend(page: Page, curve: Curve, y: float) -> Iterator[str]:
    """Yield the marks of a curve with their names and how often each occurs, on a line of their own
    at the height ``y``."""
    marks = Counter(page.facts["runs"][place]["mark"] for place in curve["runs"])
    x = 20.0
    for mark, name in NAMES.items():
        if marks[mark]:
            words = f"{name} {marks[mark]}"
            yield f'<path class="mark {mark}" d="{shape(mark, x + 6, y - 4)}"/>'
            yield f'<text x="{x + 17:.0f}" y="{y}">{words}</text>'
            x += measure(words) + 34
