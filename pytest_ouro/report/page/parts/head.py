"""Write the top of the page: what may be believed, and what to read first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.report.page.parts.page import ID
from pytest_ouro.report.runs.times import describe_duration, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.report.page.facts import Answer
    from pytest_ouro.report.page.parts.page import Page


def write_title(page: Page) -> Iterator[str]:
    """Yield the title, and the line about the night below it."""
    facts = page.facts
    yield '<header class="top">'
    yield f'<h1>{page.show(facts["experiment"], 80)}</h1><p class="meta">{_describe(page)}</p>'
    yield "</header>"


def write_head(page: Page) -> Iterator[str]:
    """Yield the fault of the journal, if there is one, the claim, and the short answers."""
    facts = page.facts
    if facts["fault"]:
        yield (
            '<p class="fault" role="alert"><b>The journal is not what was recorded:</b> '
            f"{page.show(facts['fault'])}. Believe nothing below: <code>pytest-ouro log "
            "--restore</code> restores it.</p>"
        )
    yield from _write_claim(page)
    yield '<dl class="answers">'
    tried, *others = facts["answers"]
    yield _write_answer(page, tried)
    yield from _write_kept(page)
    for answer in others:
        yield _write_answer(page, answer)
    yield "</dl>"


def _write_answer(page: Page, answer: Answer) -> str:
    """Return a short answer as HTML."""
    return (
        f'<div class="{answer["mood"]}"><dt>{answer["name"]}</dt>'
        f"<dd><b>{page.show(answer['words'], 120)}</b> "
        f"<small>{page.show(answer['note'], 160)}</small></dd></div>"
    )


def _write_kept(page: Page) -> Iterator[str]:
    """Yield how many keeps have each state that occurs, and what a state means if it is the only
    one; without a keep, that nothing was kept, or nothing but the baseline."""
    found = [one for one in page.facts["states"] if one["count"]]
    states = " ".join(
        f'<span class="{one["name"]}" title="{one["meaning"]}"><b>{one["count"]}</b> {one["name"]}'
        "</span>"
        for one in found
    )
    yield f'<div class="states"><dt>Kept</dt><dd>{states or "<b>nothing</b>"}'
    if len(found) < 2:
        note = found[0]["meaning"] if found else "but the baseline" if page.facts["kept"] else ""
        yield f" <small>{note}</small>"
    yield "</dd></div>"


def _describe(page: Page) -> str:
    """Return a line about the night as HTML: its branch and commit, the working tree, the device,
    the level, when it began and ended, and how many runs have no end."""
    facts = page.facts
    began, ended = parse_time(facts["began"]), parse_time(facts["ended"])
    length = f" ({describe_duration((ended - began).total_seconds())})" if began and ended else ""
    start, end = page.show_time(facts["began"]), page.show_time(facts["ended"])
    day, _, clock = end.rpartition(" ") if not page.shows_offset else ("", "", end)
    until = f" – {clock if day and start.startswith(day) else end}" if start != end else ""
    branch = f"branch {facts['branch']}" if facts["branch"] else "no branch"
    words = [
        f"{page.show(branch, 60)} at <code>{facts['head'][:ID]}</code>",
        page.show(f"working tree {facts['worktree']}", 60) if facts["worktree"] else "",
        page.show(facts["device"], 60),
        f"level {page.show(facts['level'], 20)}" if facts["level"] else "",
        f"{start}{until}{length}" if facts["began"] else "",
        f"runs without an end: {facts['open']}" if facts["open"] else "",
    ]
    return " <span aria-hidden=true>·</span> ".join(word for word in words if word)


def _write_claim(page: Page) -> Iterator[str]:
    """Yield the claim, with the diff to read first and the command to give next."""
    claim, first = page.facts["claim"], page.facts["first"]
    yield f'<section class="claim {claim["state"]}" aria-labelledby="claim">'
    yield f'<div><h2 id="claim">{page.show(claim["headline"], 160)}</h2>'
    if claim["numbers"]:
        yield f'<p class="numbers">{page.show(claim["numbers"], 200)}</p>'
    if claim["meaning"]:
        yield f'<p class="meaning">{page.show(claim["meaning"], 260)}</p>'
    yield '</div><div class="todo">'
    if first is not None:
        yield (
            '<p><a class="read" href="#first">Read this diff first</a> '
            f"<code>{page.show(first['title'], 40)}</code> {page.show(first['why'], 120)}</p>"
        )
    if claim["command"]:
        yield f"<p>Next: <code>{page.show(claim['command'], 200)}</code></p>"
    yield "</div></section>"
