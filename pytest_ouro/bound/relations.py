"""The relations that must hold between the keys of ``[experiment]``.

Each function ``_…_fault`` takes an object whose attributes are the values of the table, and
returns a message (what is wrong, and what to write), or "" if the relation holds.
"""

from __future__ import annotations

import posixpath
from typing import Any, Literal, get_args

from pytest_ouro.core.schema import Relation
from pytest_ouro.evidence.paths import matches

Level = Literal["claimed", "supervised", "judged", "sandboxed", "sealed", "attested"]
LEVELS: tuple[Level, ...] = get_args(Level)

#: A tolerance below this many seconds is allowed even if the budget is shorter.
SHORT = 10.0

#: The most steps for each second of the budget: each advances a clock that counts microseconds.
FINEST = 100_000

#: The words of the last line, the columns of the ledger and the names of JUnit properties.
TAKEN = (
    *("best", "level", "commit", "reason", "status", "mean", "sd", "n", "repeats", "gain", "next"),
    *("memory_gb", "description", "peak_vram_mb", "message", "check", "warns"),
)

#: An experiment is a script that calls its harness, or a command, which is evaluated afterwards or
#: prints the metric itself.
KINDS = (("script", "harness", "evaluate"), ("command", "evaluate-command"))
#: The keys of a kind that may be left out.
OPTIONAL = ("evaluate-command",)


def _kind_fault(e: Any) -> str:
    """Return a message if keys of both kinds of experiment are stated, a key that its kind needs is
    missing, or ``artefacts`` has no effect (with a script, or without ``evaluate-command``);
    otherwise ""."""
    kinds = f"{', '.join(KINDS[0])} or command, perhaps with evaluate-command"
    script, command = ([key for key in kind if getattr(e, key.replace("-", "_"))] for kind in KINDS)
    if script and command:
        return f"'{script[0]}' and '{command[0]}' exclude each other: an experiment has {kinds}"
    if script and e.artefacts:
        return "'artefacts' has no effect with 'script', whose model is evaluated: leave it out"
    if command and e.artefacts and not e.evaluate_command:
        return "'artefacts' has no effect without 'evaluate-command': leave it out"
    stated = (*script, *command, *OPTIONAL)
    lacking = [key for key in KINDS[1 if command else 0] if key not in stated]
    return f"lacks the key '{lacking[0]}': an experiment has {kinds}" if lacking else ""


def _program_fault(e: Any) -> str:
    """Return a message if the first word of ``command``, ``evaluate-command`` or ``python`` is
    blank; otherwise ""."""
    programs = {"command": e.command, "evaluate-command": e.evaluate_command, "python": e.python}
    empty = [key for key, words in programs.items() if words and not words[0].strip()]
    return f"the first word of '{empty[0]}' is empty: write the program to start" if empty else ""


def _plausible_fault(e: Any) -> str:
    """Return a message if ``plausible`` is stated and not two numbers, the lower one first;
    otherwise ""."""
    if not e.plausible or (len(e.plausible) == 2 and e.plausible[0] < e.plausible[1]):
        return ""
    stated = ", ".join(f"{number:g}" for number in e.plausible)
    return (
        f"'plausible' is [{stated}], which has no values between: write the lowest and the highest "
        "possible value"
    )


def _metric_fault(e: Any) -> str:
    """Return a message if ``metric`` is a name that is taken (`TAKEN`): a word of the line ``ouro:
    …`` that a test session prints last, a column of the ledger, or a JUnit property. Otherwise
    return ""."""
    if e.metric not in TAKEN:
        return ""
    return f"'metric' is '{e.metric}', a word of the last line or the ledger: write another name"


def _pattern_fault(e: Any) -> str:
    """Return a message if the PATTERN of ``metric-from = "regex:PATTERN"`` is not a regular
    expression or has no group; otherwise ""."""
    form, _, pattern = e.metric_from.partition(":")
    if form != "regex":
        return ""
    import re

    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"'metric-from' is not a regular expression of Python: {error}"
    if groups:
        return ""
    return "'metric-from' has no group: put the number in parentheses, as in 'regex:loss ([0-9.]+)'"


def _publish_fault(e: Any) -> str:
    """Return a message if a glob of ``publish`` matches the script, the harness, or an entry of
    ``editable`` (a glob there is compared as if it was a path); otherwise ""."""
    own = (path for path in (e.script, e.harness, *e.editable) if matches(path, e.publish))
    path = next(own, "")
    return f"'publish' names {path}, which is not a result: leave it out" if path else ""


def _tolerance_fault(e: Any) -> str:
    """Return a message if ``tolerance`` is 0 with a script, or if it is stated and not less than
    the larger of the budget and 10 seconds (`SHORT`); otherwise ""."""
    most = max(e.budget, SHORT)
    if e.tolerance == 0 and not e.command:
        return (
            "'tolerance' is 0, but no script trains for exactly its budget: write a number above "
            "0, or leave it out"
        )
    if e.tolerance is None or e.tolerance < most:
        return ""
    return (
        f"'tolerance' is {e.tolerance:g}, so a run of 0 seconds would count as exact: write "
        f"less than {most:g}, or leave it out"
    )


def _steps_fault(e: Any) -> str:
    """Return a message if only one of ``steps`` and ``clock = "steps"`` is stated, if both are with
    ``command``, or if ``steps`` is more than `FINEST` times the budget; otherwise ""."""
    if e.clock == "steps" and e.command:
        return (
            "'clock' is 'steps', but a 'command' serves no training batches that could be counted: "
            "write clock = 'cpu' or 'wall'"
        )
    if e.clock == "steps" and e.steps is None:
        return (
            "'clock' is 'steps', and lacks 'steps': write after how many training batches a run "
            "ends, such as steps = 200"
        )
    if e.steps is not None and e.clock != "steps":
        return (
            f"'steps' has no effect with clock = '{e.clock}': write clock = 'steps', or leave "
            "'steps' out"
        )
    if e.steps is not None and e.steps > FINEST * e.budget:
        return (
            f"'steps' is {e.steps}, more than {FINEST} for each second of 'budget', {e.budget:g}: "
            "write fewer, or raise 'budget', which is the TIME_BUDGET that the script sees"
        )
    return ""


def _timeout_fault(e: Any) -> str:
    """Return a message if ``timeout`` is stated and not more than ``budget``; otherwise ""."""
    if e.timeout is None or e.timeout > e.budget:
        return ""
    return (
        f"'timeout' is {e.timeout:g} and 'budget' {e.budget:g}: every run would be killed; write "
        f"a 'timeout' above {e.budget:g}, or leave it out"
    )


def _warmup_fault(e: Any) -> str:
    """Return a message if only one of ``warmup-tokens`` and ``warmup-seconds`` is above 0, or if
    one or both are with ``command``; otherwise ""."""
    if e.command and (e.warmup_tokens or e.warmup_seconds):
        return (
            "'warmup-tokens' and 'warmup-seconds' have no effect with 'command', all of which is "
            "timed: leave them out"
        )
    if bool(e.warmup_tokens) == bool(e.warmup_seconds):
        return ""
    stated, other = ("tokens", "seconds") if e.warmup_tokens else ("seconds", "tokens")
    return (
        f"'warmup-{stated}' has no effect without 'warmup-{other}': write both above 0, or neither"
    )


def _startup_fault(e: Any) -> str:
    """Return a message if ``startup-seconds`` is stated and less than ``warmup-seconds``; otherwise
    ""."""
    if e.startup_seconds is None or e.startup_seconds >= e.warmup_seconds:
        return ""
    return (
        f"'startup-seconds' is {e.startup_seconds:g} and cuts 'warmup-seconds', "
        f"{e.warmup_seconds:g}: write 'startup-seconds' of at least {e.warmup_seconds:g}, or "
        "leave it out"
    )


def _slots_fault(e: Any) -> str:
    """Return a message if ``slots`` is not 1 and ``device`` is "cuda"; otherwise ""."""
    if e.slots == 1 or e.device != "cuda":
        return ""
    return "'slots' has no effect with device = 'cuda', where a run has its cards: leave it out"


#: Words by which a program starts several processes of one script.
_STARTERS = {
    *("torchrun", "torch.distributed.run", "torch.distributed.launch", "accelerate", "deepspeed"),
    *("mpirun", "mpiexec", "horovodrun", "srun"),
}


def _python_fault(e: Any) -> str:
    """Return a message if the experiment has a script and ``python`` has a program that starts
    several processes, such as ``torchrun``, by name or path; otherwise ""."""
    found = next((word for word in e.python if posixpath.basename(word) in _STARTERS), "")
    if not found or e.command:
        return ""
    return (
        f"'python' has {found}, which starts the script several times, but one process reports the "
        f"metric: write command = ['{found}', …] with an 'evaluate-command' instead of 'script'"
    )


def _level_fault(e: Any) -> str:
    """Return a message if ``level``, the lowest level of assurance at which a run may be kept, is
    above ``highest``, the highest level that is tried, since no run could be kept; otherwise ""."""
    if LEVELS.index(e.level) > LEVELS.index(e.highest):
        return (
            f"'level' is '{e.level}' and above 'highest', '{e.highest}', so no run could be "
            f"kept: write level = '{e.highest}', or raise 'highest'"
        )
    return ""


#: The relation of the warm-up keys as JSON Schema: if one is above 0, both must be.
_WARMUP_SCHEMA = {
    "if": {
        "anyOf": [
            {"required": [key], "properties": {key: {"exclusiveMinimum": 0}}}
            for key in ("warmup-tokens", "warmup-seconds")
        ]
    },
    "then": {
        "required": ["warmup-tokens", "warmup-seconds"],
        "not": {"required": ["command"]},
        "properties": {
            "warmup-tokens": {"exclusiveMinimum": 0},
            "warmup-seconds": {"exclusiveMinimum": 0},
        },
    },
}
#: The relation of the clock that counts steps as JSON Schema.
_STEPS_SCHEMA = {
    "if": {"required": ["clock"], "properties": {"clock": {"const": "steps"}}},
    "then": {"required": ["steps"], "not": {"required": ["command"]}},
    "else": {"not": {"required": ["steps"]}},
}
_LEVEL_SCHEMA = {
    "allOf": [
        {
            "if": {"required": ["level"], "properties": {"level": {"const": level}}},
            "then": {
                "properties": {"highest": {"enum": list(LEVELS[LEVELS.index(level) : 4])}},
            },
        }
        for level in ("judged", "sandboxed")
    ]
}

RELATIONS = (
    Relation(
        ("command", "evaluate-command", "artefacts", "script", "harness", "evaluate"),
        "either `script`, `harness` and `evaluate`, or `command`, perhaps with `evaluate-command` "
        "and `artefacts`",
        _kind_fault,
    ),
    Relation(
        ("command", "evaluate-command", "python"),
        "the first word of `command`, `evaluate-command` and `python` is not empty",
        _program_fault,
    ),
    Relation(
        ("plausible",),
        "`plausible` is two numbers, the lower one first",
        _plausible_fault,
        {"properties": {"plausible": {"maxItems": 2}}},
    ),
    Relation(
        ("metric",),
        "`metric` is not another word of the last line or the ledger",
        _metric_fault,
        {"properties": {"metric": {"not": {"enum": [*TAKEN]}}}},
    ),
    Relation(
        ("metric-from",),
        "the pattern of `metric-from` is a regular expression with a group, the number",
        _pattern_fault,
    ),
    Relation(
        ("publish", "script", "harness", "editable"),
        "`publish` names neither `script` nor `harness` nor an `editable` file",
        _publish_fault,
    ),
    Relation(
        ("tolerance", "budget", "command"),
        f"`tolerance` is less than `budget`, or than {SHORT:g} where the budget is shorter; above "
        "0 with a `script`",
        _tolerance_fault,
    ),
    Relation(
        ("clock", "steps", "budget", "command"),
        f'`steps` is stated with `clock = "steps"`, and only then; not with a `command`; it is at '
        f"most {FINEST} for each second of `budget`",
        _steps_fault,
        _STEPS_SCHEMA,
    ),
    Relation(("timeout", "budget"), "`timeout` is more than `budget`", _timeout_fault),
    Relation(
        ("warmup-tokens", "warmup-seconds", "command"),
        "`warmup-tokens` and `warmup-seconds` are both above 0, or neither is; with a `command` "
        "neither is",
        _warmup_fault,
        _WARMUP_SCHEMA,
    ),
    Relation(
        ("startup-seconds", "warmup-seconds"),
        "`startup-seconds` is at least `warmup-seconds`",
        _startup_fault,
    ),
    Relation(
        ("python", "script"),
        "`python` starts the script once: `torchrun` and the like belong to `command`",
        _python_fault,
    ),
    Relation(
        ("slots", "device"),
        '`slots` is 1 with `device = "cuda"`',
        _slots_fault,
        {
            "if": {"required": ["device"], "properties": {"device": {"const": "cuda"}}},
            "then": {"properties": {"slots": {"const": 1}}},
        },
    ),
    Relation(
        ("level", "highest"),
        "`level` is not above `highest`",
        _level_fault,
        _LEVEL_SCHEMA,
    ),
)
