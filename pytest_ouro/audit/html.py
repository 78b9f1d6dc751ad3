"""Render an audit as one HTML file that needs nothing else: no script, no font, no address, and a
policy for browsers that forbids all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.curve import draw
from pytest_ouro.audit.words import conclude, count_rows, describe_place, list_bests, show_value
from pytest_ouro.report.html.document import make_document
from pytest_ouro.report.html.text import show
from pytest_ouro.report.text import error_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.audit.result import Audit, AuditFinding
    from pytest_ouro.core.errors import OuroError

#: The most rows of each table.
MOST = 500
_STYLE = """\
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5f6670;--line:#d9dce1;--page:#fff;\
--good:#16713a;--bad:#b3261e;--mid:#8a5a00;--claim:#8a9099}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a0a7b0;--line:#3a3f46;\
--page:#15171a;--good:#5fce8a;--bad:#ff8a80;--mid:#f0b354;--claim:#7d8590}}
body{margin:2rem auto;max-width:60rem;padding:0 1rem;background:var(--page);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.35rem}h2{font-size:1.05rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;\
border-bottom:1px solid var(--line);overflow-wrap:anywhere}
td{min-width:4.5em}td:nth-child(-n+2){overflow-wrap:break-word}
th{color:var(--soft);font-weight:600;white-space:nowrap}
dt{color:var(--soft)}dd{margin:0 0 .4rem 0;overflow-wrap:anywhere}
.wide{overflow-x:auto}
.void,.error{color:var(--bad)}.doubtful,.warning{color:var(--mid)}.stands{color:var(--good)}
svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}svg path{fill:none}
.grid{stroke:var(--line)}.claimed{stroke:var(--claim);stroke-width:1.5;stroke-dasharray:5 4}
.honest{stroke:var(--good);stroke-width:2}circle.keep{fill:var(--good)}
circle.other{fill:var(--claim);opacity:.5}path.void{stroke:var(--bad);stroke-width:2}
circle.doubtful{fill:var(--page);stroke:var(--mid);stroke-width:2}
"""


def render(audit: Audit) -> str:
    """Return the page. A table has at most `MOST` rows; if there are more, a line below it gives
    the number that is left out."""
    return make_document("Audit", _list_parts(audit), style=_STYLE)


def render_error(error: OuroError) -> str:
    """Return a page that says why nothing could be audited."""
    lines = "".join(f"<p>{show(line, 600)}</p>" for line in error_text(error).split("\n"))
    return make_document("Audit", ["<h1>Audit: could not judge</h1>", lines], style=_STYLE)


def _list_parts(audit: Audit) -> Iterator[str]:
    """Yield the parts of the body."""
    yield f"<h1>Audit: {show(conclude(audit))}</h1>"
    yield from _list_facts(audit)
    if picture := draw(audit):
        yield "<h2>Progress</h2>"
        yield picture
        yield (
            "<p>Solid: the honest best. Dashed: the claimed best. A kept result is a dot if it "
            "stands, a ring if it is doubtful, a cross if it is void; a small grey dot was not "
            "kept.</p>"
        )
    kept = [
        (k.verdict, str(k.row), k.commit[:7], show_value(audit, k.value), k.description, k.why)
        for k in audit.kept
    ]
    head = ("verdict", "line", "commit", "metric", "description", "why")
    yield from _make_table("Kept results", head, kept)
    found = [_describe(one) for one in (*audit.errors, *audit.warnings)]
    yield from _make_table("Findings", ("severity", "check", "what", "where", "help"), found)
    states = [(s.name, s.state, s.why) for s in audit.statements]
    yield from _make_table("What was judged", ("statement", "state", "why"), states)
    facts = [(one.what, one.value, one.why) for one in audit.inferences]
    yield from _make_table("What was inferred", ("fact", "value", "why"), facts)


def _list_facts(audit: Audit) -> Iterator[str]:
    """Yield an HTML list with what was audited, the ledger, the metric, the claimed and the honest
    best, the counts and the notes."""
    facts = [("audited", f"{audit.subject} {audit.head[:7]}".strip())]
    facts += [("ledger", audit.ledger)] if audit.ledger else []
    if metric := audit.metric:
        facts.append(("metric", f"{metric.name}, {metric.direction} is better"))
    facts += list_bests(audit)
    facts += [("counts", counts)] if (counts := count_rows(audit.counts)) else []
    facts += [("note", note) for note in audit.notes]
    yield "<dl>"
    yield from (f"<dt>{name}</dt><dd>{show(words, 600)}</dd>" for name, words in facts)
    yield "</dl>"


def _describe(one: AuditFinding) -> tuple[str, ...]:
    """Return the cells of a finding: its severity, its check, its headline with what was expected
    and found, its place and its help."""
    finding = one.finding
    expected = finding.expected and f"; expected: {finding.expected}"
    actual = finding.actual and f"; found: {finding.actual}"
    what = f"{finding.headline}{expected}{actual}"
    return one.severity, one.check, what, describe_place(one), finding.help


def _make_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield as HTML a title, a table of at most `MOST` rows with escaped cells, and a line that
    counts the rows left out; nothing without rows. A first cell that is a verdict or a severity is
    its own CSS class."""
    if not rows:
        return
    yield f'<h2>{title}</h2>\n<div class="wide"><table>'
    yield f"<tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>"
    for row in rows[:MOST]:
        known = row[0] in ("stands", "doubtful", "void", "error", "warning")
        first = f'<td class="{row[0]}">' if known else "<td>"
        cells = "".join(f"<td>{show(cell, 600)}</td>" for cell in row[1:])
        yield f"<tr>{first}{show(row[0])}</td>{cells}</tr>"
    yield "</table></div>"
    if len(rows) > MOST:
        yield f"<p>and {len(rows) - MOST} more: pytest-ouro audit --json shows all</p>"
