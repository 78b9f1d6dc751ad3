"""Markdown, SARIF and HTML of an audit: what they say, and that no text of a repository acts."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from pytest_ouro.audit import html, markdown, sarif
from pytest_ouro.audit.inert import code, prose
from pytest_ouro.audit.result import Audit, KeptResult, Point, Statement
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace

from .samples import COMMITS, HOSTILE, SECRETS, cheated, honest

FORMS = {"markdown": markdown, "sarif": sarif, "html": html}
every_form = pytest.mark.parametrize("form", FORMS)


def outside_code(line):
    """Return a line of Markdown without its code spans, as CommonMark finds them."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line)


class Page(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


def test_markdown_says_what_came_of_each_kept_result():
    text = markdown.render(cheated())

    assert text.startswith(
        "### ouro audit: 1 error, 1 warning; of 3 kept results: 1 stand, 1 doubtful, 1 void\n"
    )
    assert "| stands | 2 | `a1b2c3d` | `1.5` | `baseline widen eval` |" in text
    assert "| **void** | 4 |" in text
    assert "- claimed best: 0.9 (void, line 4, commit `a1b2c3d`): prepare.py changed" in text
    assert "- honest best: 1.5 (stands, line 2, commit `a1b2c3d`)" in text
    assert "3 rows (3 kept, 1 unverifiable), 2 commits, 1 of them without a row" in text
    assert text.index("#### Errors (1)") < text.index("#### Warnings (1)")
    assert "- `frozen`: prepare.py changed" in text


def test_markdown_of_an_honest_loop_shows_how_far_it_reaches():
    text = markdown.render(honest())

    assert "no findings in what was judged; of 2 kept results: 2 stand" in text
    assert "| `budget-exact` | not reached | no run.log has the seconds of training |" in text
    assert "| `frozen-data` | not checked |" in text
    assert "#### Errors" not in text


@every_form
def test_no_data_is_not_clean(form):
    nothing = Audit(
        subject="x", head=COMMITS[0], statements=(Statement("scope", "not reached", "no ledger"),)
    )

    assert "nothing could be judged" in FORMS[form].render(nothing)


@pytest.mark.parametrize("attack", HOSTILE)
def test_markdown_interprets_nothing_of_a_repository(attack):
    text = markdown.render(cheated(HOSTILE[attack], f"a{HOSTILE[attack]}.py"))
    clean = markdown.render(cheated())

    lines = [outside_code(line) for line in text.split("\n")]
    rest = "\n".join(lines)
    assert text.replace("\n", "").isprintable()
    assert not set(rest) & set("@`\\[]!~$"), rest
    assert "://" not in rest
    assert "www." not in rest.lower()
    assert not re.search(r"[\w/]#\d|\bGH-\d|:\w+:", rest)
    tags = r"</?[a-z!][^>]*>"
    assert re.findall(tags, rest) == re.findall(tags, clean)
    shape = [re.sub(r"[^|#>-]", "", outside_code(line))[:3] for line in text.split("\n")]
    bars = [line.count("|") for line in lines if line.startswith("|")]
    assert len(shape) == len(clean.split("\n"))
    assert bars == [line.count("|") for line in clean.split("\n") if line.startswith("|")]


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_parser_of_markdown_finds_no_link_and_no_html(attack):
    parser = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"linkify": False})

    page = Page(parser.render(markdown.render(cheated(HOSTILE[attack]))))

    assert {*page.tags} <= {
        *("h3", "h4", "ul", "li", "p", "code", "strong", "details", "summary"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    assert page.attributes == []


@pytest.mark.parametrize("write", [code, prose])
@pytest.mark.parametrize("attack", HOSTILE)
def test_one_text_stays_on_its_line_and_in_its_cell(write, attack):
    written = write(HOSTILE[attack])

    assert written.isprintable()
    assert "|" not in written
    assert written.count("`") % 2 == 0


def test_a_long_audit_fits_into_a_comment():
    rows = range(2, 3_002)
    kept = tuple(
        KeptResult(COMMITS[0], row, 1.0, "d" * 400, "void" if row > 3_000 else "stands", "y" * 900)
        for row in rows
    )
    [finding, *_] = cheated("x" * 300).findings

    text = markdown.render(replace(honest(), kept=kept, findings=(finding,) * 3_000))

    assert len(text) <= markdown.CHARACTERS
    assert "| **void** | 3001 |" in text
    assert re.search(r"and 29\d\d more: `pytest-ouro audit --json` shows all", text)
    assert "#### Errors (3000)" in text


@pytest.mark.parametrize("secret", SECRETS)
@every_form
def test_no_form_shows_a_secret_a_home_or_a_host(form, secret):
    text = FORMS[form].render(cheated(secret, path=f"x {secret}"))

    assert SECRETS[secret] not in text


def test_sarif_has_a_rule_for_each_statement_and_a_result_for_each_finding():
    log = json.loads(sarif.render(cheated()))
    [run] = log["runs"]

    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == [
        *("audit::scope", "audit::frozen", "audit::unverifiable"),
    ]
    [error, warning] = run["results"]
    assert (error["level"], warning["level"]) == ("error", "warning")
    assert run["tool"]["driver"]["rules"][error["ruleIndex"]]["id"] == error["ruleId"]
    place = error["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "prepare.py"
    assert place["region"]["startLine"] == 12
    place = warning["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].startswith("results.tsv")
    assert place["region"]["startLine"] == 3
    assert json.loads(sarif.render(honest()))["runs"][0]["results"] == []


def test_sarif_notes_what_is_not_judged():
    [run] = json.loads(sarif.render(honest()))["runs"]
    [call] = run["invocations"]

    notes = [note["message"]["text"] for note in call["toolExecutionNotifications"]]
    assert "frozen-data: not checked: the data is not in the repository" in notes
    assert not any(note.startswith("scope") for note in notes)


def test_sarif_without_a_place_has_no_location():
    audit = replace(cheated(), ledger="")
    [_, warning] = json.loads(sarif.render(audit))["runs"][0]["results"]

    assert warning["locations"] == []


@pytest.mark.parametrize("attack", HOSTILE)
def test_sarif_is_escaped(attack):
    log = sarif.render(cheated(HOSTILE[attack], HOSTILE[attack]))

    assert log.replace("\n", "").isprintable()
    assert json.loads(log)["version"] == "2.1.0"


@pytest.mark.parametrize("attack", HOSTILE)
def test_html_interprets_nothing_of_a_repository(attack):
    page = Page(html.render(cheated(HOSTILE[attack], HOSTILE[attack])))
    clean = Page(html.render(cheated()))

    assert page.tags == clean.tags
    names = [name for name, _ in page.attributes]
    assert names == [name for name, _ in clean.attributes]
    assert not [n for n in names if n.startswith("on") or n in ("src", "href", "style")]
    assert "\x1b" not in "".join(page.words)
    assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069]", "".join(page.words))


def test_html_allows_its_style_and_nothing_else():
    text = html.render(honest())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert "prefers-color-scheme:dark" in style
    assert {"script", "link", "img", "iframe", "a"}.isdisjoint(Page(text).tags)
    assert "url(" not in style
    assert len(text) < 12_000


def test_html_draws_the_claimed_curve_beside_the_honest_one():
    text = html.render(cheated())
    drawing = ElementTree.fromstring(re.search(r"<svg.*?</svg>", text, re.S)[0])

    kinds = [element.get("class") for element in drawing]
    assert kinds.count("claimed") == kinds.count("honest") == kinds.count("void") == 1
    assert kinds.count("keep") == kinds.count("doubtful") == 1
    lines = {e.get("class"): e.get("d") for e in drawing if e.get("class") in ("claimed", "honest")}
    assert lines["claimed"] != lines["honest"]


def test_the_curves_of_an_honest_loop_are_the_same():
    drawing = ElementTree.fromstring(re.search(r"<svg.*?</svg>", html.render(honest()), re.S)[0])
    lines = {e.get("class"): e.get("d") for e in drawing}

    assert lines["claimed"] == lines["honest"]
    assert [e.get("class") for e in drawing].count("other") == 1


@pytest.mark.parametrize("value", [0.0, -1.5, 1e-300, 1e300, 3])
def test_any_value_can_be_drawn(value):
    nan = Point(9, "", "discard", float("nan"), value, None)
    curve = (Point(2, "", "keep", value, value, value), nan, replace(nan, value=float("inf")))

    assert "<svg" in html.render(replace(honest(), curve=curve))


def test_without_a_kept_value_there_is_no_drawing():
    curve = (Point(2, "", "crash", None, None, None),)

    assert "<svg" not in html.render(replace(honest(), curve=curve))


@pytest.mark.tier(2)
def test_a_long_loop_makes_a_small_page():
    curve = tuple(
        Point(n, "", "keep" if n % 3 else "discard", 2 - n / 1e5, 2 - n / 1e5, 2 - n / 1e5)
        for n in range(100_000)
    )
    kept = tuple(KeptResult("", n, 1.0, "x", "stands", "y") for n in range(10_000))

    text = html.render(replace(honest(), curve=curve, kept=kept))

    assert len(text) < 300_000
    assert f"and {10_000 - html.MOST} more" in text


@every_form
def test_an_error_is_shown_in_every_form(form):
    text = FORMS[form].render_error(OuroError("no <b>ledger</b>", help="name it: --ledger PATH"))

    assert "ledger" in text
    assert "--ledger PATH" in text
    assert "<b>" not in outside_code(text) or form == "sarif"
