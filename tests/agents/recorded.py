"""What the real programs send to a hook before and after a call of each tool, recorded by
``tests/agents/real/test_calls.py``, with the version of the program and the date."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).parent / "payloads"
#: Calls that change no file: they pass whatever they name.
READING = ("read", "task", "todos")
#: Keys whose text is compared; of all others the kind of value.
_NAMES = ("hook_event_name", "tool_name")


@cache
def recordings() -> dict[str, dict[str, Any]]:
    """Return the recording of each program: ``package``, ``version``, ``date``, ``tools`` (what
    the model is offered) and ``calls``, each with what was sent ``before`` and ``after`` it."""
    paths = sorted((PAYLOADS / "real").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def names(word: str) -> list[str]:
    """Return the names of the recorded payloads of a kind, such as ``claude-edit-deny``: ``allow``
    (it names a file that may be changed), ``deny`` (a frozen one) or ``after``."""
    return [
        f"{program}-{call}-{word}"
        for program, recording in recordings().items()
        for call in recording["calls"]
        if word != "deny" or call not in READING
    ]


def payload(name: str, folder: Path) -> Any:
    """Return a payload in which ``folder`` is the project: a recorded one by its name, or the file
    of payloads/."""
    program, call, word = name.split("-", 1)[0], *name.split("-", 1)[1].rsplit("-", 1)
    sent = recordings().get(program, {"calls": {}})["calls"].get(call)
    if sent is None:
        text = (PAYLOADS / f"{name}.json").read_text(encoding="utf-8")
    else:
        text = json.dumps(sent["after" if word == "after" else "before"])
    file = "prepare.py" if word == "deny" or call in READING else "train.py"
    return json.loads(text.replace("<project>", str(folder)).replace("<file>", file))


def shape(value: object, key: str = "") -> object:
    """Return a JSON value with each text, number and truth value replaced by its kind, except the
    names of events and tools, and equal items of a list as one."""
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        kinds: list[object] = []
        for kind in map(shape, value):
            kinds += [] if kind in kinds else [kind]
        return kinds
    return value if key in _NAMES else type(value).__name__
