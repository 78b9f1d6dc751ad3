"""Render the program of a bound: the Markdown file of instructions that an agent reads
(``program.md``), with its rules, the enforced ones apart from the others."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.evidence.records.verdicts import CLEAR
from pytest_ouro.onboarding import earlier
from pytest_ouro.onboarding.section import TITLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.bound.read import Bound, Rule

#: The first line of a rendered program; a file that starts with it may be replaced.
MARK = "<!-- Rendered from bound.toml: pytest-ouro init --program FILE -->"
_DEVICES = {"cuda": "on a GPU", "cpu": "without one"}


_TEXT = """\
{mark}
# {bound.name}

An experiment changes {editable}; then `{experiment.program}` is run
and judged by one number, `{experiment.metric}`: {experiment.direction} is better.

Read before you begin:

{harness}- `{rules_file}`: the rules below, as the referee reads them. Fixed.
- `{experiment.ledger}`: one row per run, written by the referee (`pytest-ouro log`).

{limits}

## Rules

They are judged before and after every run. A run that breaks one does not count; the
message names the rule and says what to do.
{rules}

{loop}
## Verdict

- {kept}
- Within {band} either way, less code is kept (`simpler`).
- What else is worse, equal, unchanged or differs in its seed alone is discarded.
- So is a run below the level {level}.
"""

_LOOP = """\
## Loop

`{brief}` says where the experiment stands: the best commit, what was tried and
what came of it, whether a run can start, and the next step. Begin with it, also after a
restart{folder}.

The first run is of the code as it is: the baseline. If a run says that the noise is not known,
`{calibrate}` measures it, once, by 8 runs. Then, again and again:

1. Edit {editable}: one idea, with a reason why it should help.
2. `git commit -am "what you try"`. The message becomes the description in `{experiment.ledger}`.
3. `{run}`. It judges the rules, runs what is
   committed, measures, writes the row and settles the branch. Do none of this by hand.
4. Read its last line: `ouro: discard {experiment.metric}=… best=… reason=worse`.

| it says | then |
|---|---|
| `keep` | go on from this commit |
| `discard` | the branch is back at its last keep: try another idea |
| `crash` | the same; the lines above it say what went wrong, and where |
| `closed` | nothing ran: a rule is broken, or a run cannot start; do what `help:` says |

If it ends with `next=stop`, the night is over: start no further run, and give the command
that the line above it names (`{certify}`), which measures what was kept
once more. Report its last line. Until then, never stop, and do not ask whether to go on: a
person stops you. If you run out of ideas, read the brief again, combine what was kept, or
try something larger.

A keep is provisional: some are luck, and the certificate at the end says what the night gained
as a whole. Do not repeat runs for it. If much is to be built on one keep, test that keep:
`{confirm}` measures it and the keep before
it by up to 8 pairs of runs with fresh seeds. If it is `refuted`, the branch is back at the keep
before it: go on from there.
"""

#: Stands between the program that is rendered and what is kept of one that people wrote.
_KEPT = "<!-- pytest-ouro: kept of the program before; what follows is yours -->"


def render(bound: Bound) -> str:
    """Return the whole program of a bound, the instructions that an agent reads, as Markdown."""
    experiment = bound.experiment
    harness = (
        f"- `{experiment.harness}`: fixed. `{experiment.evaluate}` measures, "
        f"`{experiment.loader}` serves what to train on.\n"
    )
    return _TEXT.format(
        mark=MARK,
        bound=bound,
        experiment=experiment,
        editable=", ".join(f"`{name}`" for name in experiment.editable),
        harness=harness if experiment.script else "",
        rules_file=posixpath.relpath(posixpath.join(bound.folder, NAME), bound.root or "."),
        limits=_limits(bound),
        rules="\n".join(rules(bound)),
        loop=loop(bound),
        kept=_say_kept(bound),
        band=_each(bound, lambda bound, device: _difference(bound, device, 1.0)),
        level=_each(bound, lambda bound, device: f"`{bound.experiments[device].level}`"),
    )


def update(before: str, bound: Bound) -> str:
    """Return the text that replaces ``before`` in the file of a program, the instructions that an
    agent reads (such as program.md): the rendering of ``bound``, followed by the part of ``before``
    that is kept.

    Of an earlier rendering, the text after the mark `_KEPT` is kept, or nothing if the mark is
    missing. Of a text that people wrote, what `earlier.keep` returns is kept.
    """
    text = render(bound)
    _, mark, rest = before.partition(_KEPT)
    if not mark and not before.startswith(MARK):
        rest = earlier.keep(before, bound.experiment)
        rest = f"\n\n## Kept of the program before\n\n{rest}\n" if rest else ""
    return f"{text}\n{_KEPT}{rest}" if rest else text


def read_kept(text: str) -> str:
    """Return the part of a program's text that people wrote, so that rendered text is not read as
    their instructions. Of a rendered program, it is the text after the mark `_KEPT` ("" without the
    mark); otherwise it is the whole text."""
    return text.partition(_KEPT)[2] if text.startswith(MARK) else text


def loop(bound: Bound) -> str:
    """Return the section that tells an agent the loop, with the commands to give for this bound, as
    Markdown."""
    experiment = bound.experiment
    path = posixpath.join(bound.folder, NAME) if bound.folder else ""
    return _LOOP.format(
        brief=f"pytest-ouro brief{path and ' --bound '}{path}",
        run=f"pytest {path}{path and ' '}--ouro-experiment --ouro-settle -q",
        certify=f"pytest {path}{path and ' '}--ouro-certify",
        confirm=f"pytest {path}{path and ' '}--ouro-confirm HEAD --ouro-settle",
        calibrate=f"pytest-ouro calibrate{path and ' --bound '}{path}",
        folder=", from the repository's top folder" if path else "",
        experiment=experiment,
        editable=", ".join(f"`{name}`" for name in experiment.editable),
    )


def rules(bound: Bound) -> Iterator[str]:
    """Yield the rules as Markdown lines: the enforced ones under their three headings, then those
    that only warn or that people check, under NOT ENFORCED."""
    enforced = [rule for rule in bound.rules if _is_enforced(rule)]
    for section, title in TITLES.items():
        yield from _bullets(title, [rule for rule in enforced if rule.section == section])
    yield from _bullets("NOT ENFORCED", [r for r in bound.rules if not _is_enforced(r)])


def _is_enforced(rule: Rule) -> bool:
    """Return whether a check, not a person, decides the rule, and a broken rule is an error, not a
    warning."""
    return rule.checker.stage != "human" and rule.severity == "error"


def _bullets(title: str, rules: list[Rule]) -> Iterator[str]:
    """Yield a heading and a bullet for each rule; nothing if there are no rules."""
    if rules:
        yield from ("", f"### {title}", "", *map(_bullet, rules))


def _bullet(rule: Rule) -> str:
    """Return a rule as a bullet with its key; one that is not enforced says so, and why."""
    words = " ".join(rule.sentence.split())
    if _is_enforced(rule):
        return f"- {words} (`{rule.key}`)"
    how = "judged by people" if rule.checker.stage == "human" else "only warns"
    return f"- {words} (`{rule.key}`, {how}: {' '.join(rule.reason.split())})"


def _limits(bound: Bound) -> str:
    """Return the limits of a run as a Markdown table with a column for each device that the bound
    allows."""
    devices = _devices(bound)
    rows = {"training": _budget, "its clock starts": _start, "a run is killed after": _timeout}
    if not bound.experiment.script:
        del rows["its clock starts"]
    heads = [_DEVICES[device] if len(devices) > 1 else "" for device in devices]
    lines = [["", *heads], ["---"] * (len(devices) + 1)]
    lines += [[title, *(words(bound, d) for d in devices)] for title, words in rows.items()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _devices(bound: Bound) -> tuple[str, ...]:
    """Return the devices that the bound allows: both for ``auto``."""
    device = bound.experiment.device
    return ("cuda", "cpu") if device == "auto" else (device,)


def _each(bound: Bound, words: Callable[[Bound, str], str]) -> str:
    """Return in one text what ``words(bound, device)`` returns for each device that the bound
    allows: each with the device named, joined by commas; if all are the same, that alone."""
    texts = {device: words(bound, device) for device in _devices(bound)}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{text} {_DEVICES[device]}" for device, text in texts.items())


def _unit(bound: Bound, device: str) -> str:
    """Return the unit, ``seconds`` or ``CPU seconds``, in which a device's times of training and of
    start-up are stated. The bound's clock decides it; under the clock "steps", which counts no
    time, the device does: CPU seconds on "cpu"."""
    clock = bound.experiments[device].clock
    return "CPU seconds" if clock == "cpu" or (clock, device) == ("steps", "cpu") else "seconds"


def _budget(bound: Bound, device: str) -> str:
    """Return the length of the training window on a device, in words: ``300 seconds``, ``300 CPU
    seconds`` or ``200 batches`` by the bound's clock."""
    experiment = bound.experiments[device]
    if experiment.clock == "steps":
        return f"{experiment.steps:,} batches"
    return f"{experiment.budget:g} {_unit(bound, device)}"


def _start(bound: Bound, device: str) -> str:
    """Return a text that says when the clock starts on a device: with the first batch or after the
    warm-up tokens, and at the latest after ``startup_seconds``."""
    experiment = bound.experiments[device]
    served = experiment.warmup_tokens
    first = f"after {served:,} tokens" if served else "with the first batch"
    latest = f"{experiment.seconds('startup_seconds'):g} {_unit(bound, device)}"
    return f"{first}, at the latest {latest} after the start"


def _timeout(bound: Bound, device: str) -> str:
    """Return after how many seconds a whole run is killed on a device, in words."""
    return f"{bound.experiments[device].seconds('timeout'):g} seconds"


def _say_kept(bound: Bound) -> str:
    """Return sentences that say which gain of a single run over another is kept, and which of these
    is an improvement."""
    margins = {device: bound.verdicts[device].margin for device in _devices(bound)}
    beyond = _each(bound, lambda bound, d: _difference(bound, d, max(CLEAR, margins[d]) * 2**0.5))
    least = ""
    if any(margins.values()):
        least = _each(bound, lambda bound, d: _difference(bound, d, margins[d] * 2**0.5))
        least = f" by more than {least}"
    return (
        f"Better{least} is a keep, provisionally. Beyond {beyond} it is `improved`; below, "
        "`marginal`, which may be luck."
    )


def _difference(bound: Bound, device: str, times: float) -> str:
    """Return, as text, a difference of two single runs of ``times`` the noise on a device: a number
    if the bound states the noise, else so many standard deviations of repeats."""
    noise = bound.verdicts[device].noise
    if noise == "auto":
        count = "one standard deviation" if times == 1 else f"{times:.2g} standard deviations"
        return f"{count} of repeats"
    return f"{times * noise:.4g}"
