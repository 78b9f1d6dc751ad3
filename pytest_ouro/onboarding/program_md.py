"""The program of a bound: what an agent is told, with every rule that is enforced and no other."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.onboarding.section import TITLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.read import Bound, Rule

#: The first line: a program that begins so was rendered, and may be rendered anew.
MARK = "<!-- Rendered from bound.toml: pytest-ouro init --program FILE -->"
_DEVICES = {"cuda": "on a GPU", "cpu": "without one"}


def render(bound: Bound) -> str:
    """The whole program as Markdown."""
    parts = [
        [MARK, f"# {bound.name}", "", *_task(bound)],
        ["## Rules", "", *rules(bound)],
        ["## Loop", "", *_loop(bound)],
        ["## Verdict", "", *_verdict(bound)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def rules(bound: Bound) -> list[str]:
    """The rules as lines: those enforced under the headings of the bound, then all others."""
    lines = [
        "They are judged before and after every run. A run that breaks one does not count; it is",
        "told by its name, with what to do.",
    ]
    enforced = [rule for rule in bound.rules if _is_enforced(rule)]
    for section, title in TITLES.items():
        lines += _bullets(title, [rule for rule in enforced if rule.section == section])
    others = [rule for rule in bound.rules if not _is_enforced(rule)]
    return lines + _bullets("NOT ENFORCED", others)


def _is_enforced(rule: Rule) -> bool:
    return rule.judge.stage != "human" and rule.severity == "error"


def _bullets(title: str, rules: list[Rule]) -> list[str]:
    if not rules:
        return []
    return ["", f"### {title}", "", *(_bullet(rule) for rule in rules)]


def _bullet(rule: Rule) -> str:
    words = " ".join(rule.sentence.split())
    if _is_enforced(rule):
        return f"- {words} (`{rule.key}`)"
    how = "judged by people" if rule.judge.stage == "human" else "only warns"
    return f"- {words} (`{rule.key}`, {how}: {' '.join(rule.reason.split())})"


def _task(bound: Bound) -> list[str]:
    experiment = bound.experiment
    lines = [
        f"An experiment changes {_names(experiment.editable)}; then `{experiment.program}` is run",
        f"and judged by one number, `{experiment.metric}`: {experiment.direction} is better.",
        "",
        "Read before you begin:",
        "",
    ]
    if experiment.script:
        lines.append(
            f"- `{experiment.harness}`: fixed. `{experiment.evaluate}` measures, "
            f"`{experiment.loader}` serves what to train on."
        )
    rules_file = posixpath.relpath(posixpath.join(bound.folder, NAME), bound.root or ".")
    lines += [
        f"- `{rules_file}`: the rules below, as the referee reads them. Fixed.",
        f"- `{experiment.ledger}`: one row per run, written by the referee (`pytest-ouro log`).",
        "",
        *_limits(bound),
    ]
    return lines


def _limits(bound: Bound) -> list[str]:
    """A table of what ends a run, with a column for each device."""
    devices = _devices(bound)
    rows = {"training": _budget, "its clock starts": _start, "a run is killed after": _timeout}
    if not bound.experiment.script:
        del rows["its clock starts"]
    heads = [_DEVICES[device] if len(devices) > 1 else "" for device in devices]
    lines = [["", *heads], ["---"] * (len(devices) + 1)]
    lines += [[title, *(words(bound, d) for d in devices)] for title, words in rows.items()]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _loop(bound: Bound) -> list[str]:
    experiment = bound.experiment
    return [
        "The first run is of the code as it is: the baseline. Then, again and again, without",
        "waiting for a person:",
        "",
        f"1. Edit {_names(experiment.editable)}: one idea, with a reason why it should help.",
        '2. `git commit -am "what you tried"`. The message becomes the description in '
        f"`{experiment.ledger}`.",
        "3. `pytest --ouro-experiment --ouro-settle`. It judges the rules, runs what is committed,",
        "   measures, writes the row and settles the branch.",
        "4. Read its last line: `ouro: discard val_bpb=… best=… reason=worse`.",
        "",
        "| it says | then |",
        "|---|---|",
        "| `keep` | go on from this commit |",
        "| `discard` | the branch is back at its last keep: try another idea |",
        "| `crash` | the same; `run.log` ends with what went wrong |",
        "| `closed` | nothing ran: a rule is broken, or a run cannot start; do what `help:` says |",
    ]


def _verdict(bound: Bound) -> list[str]:
    small = "a discard (`within-noise`)" if _is_hard(bound) else "a keep (`marginal`)"
    return [
        f"- Better by more than {_each(bound, _margin)} is `improved`; by less, {small}.",
        "- Within half of that either way, less code is kept (`simpler`).",
        "- What else is worse, equal, unchanged or differs in its seed alone is discarded.",
        f"- So is a run below the level {_each(bound, _level)}.",
    ]


def _is_hard(bound: Bound) -> bool:
    return any(bound.verdicts[device].hard for device in _devices(bound))


def _devices(bound: Bound) -> tuple[str, ...]:
    device = bound.experiment.device
    return ("cuda", "cpu") if device == "auto" else (device,)


def _each(bound: Bound, words: Callable[[Bound, str], str]) -> str:
    """The words for every device that the bound allows, once where they are the same."""
    said = {device: words(bound, device) for device in _devices(bound)}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return ", ".join(f"{text} {_DEVICES[device]}" for device, text in said.items())


def _budget(bound: Bound, device: str) -> str:
    experiment = bound.experiments[device]
    unit = "CPU seconds" if experiment.clock == "cpu" else "seconds"
    return f"{experiment.budget:g} {unit}"


def _level(bound: Bound, device: str) -> str:
    return f"`{bound.experiments[device].level}`"


def _start(bound: Bound, device: str) -> str:
    experiment = bound.experiments[device]
    served = experiment.warmup_tokens
    first = f"after {served:,} tokens" if served else "with the first batch"
    unit = "CPU seconds" if experiment.clock == "cpu" else "seconds"
    return (
        f"{first}, at the latest {experiment.seconds('startup_seconds'):g} {unit} after the start"
    )


def _timeout(bound: Bound, device: str) -> str:
    return f"{bound.experiments[device].seconds('timeout'):g} seconds"


def _margin(bound: Bound, device: str) -> str:
    verdict = bound.verdicts[device]
    if verdict.noise == "auto":
        return f"{verdict.sigmas:g} standard deviations of repeats"
    return f"{verdict.sigmas * verdict.noise:.4g}"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
