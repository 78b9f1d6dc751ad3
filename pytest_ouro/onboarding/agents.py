"""Merge the hooks that call the guard into the settings of agents."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

from pytest_ouro.evidence.content import read_file
from pytest_ouro.messages import agents as messages
from pytest_ouro.onboarding.section import BEGIN, END

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: What our hooks start.
CALL = "pytest-ouro guard"


def _or_say(words: str) -> str:
    """Return the shell command of a hook: it calls the guard, and if the guard gives no answer (it
    is missing, fails or is killed), it refuses with ``words``. Without that, some agents would take
    a hook that fails for permission. The command is written for `sh`, whatever the user's shell is,
    and has no named variables, which Gemini CLI would replace."""
    said = f"pytest-ouro: the guard did not run, so {words}, tell the person who runs this session"
    return f"sh -c '{CALL} || {{ [ $? = 2 ] || echo {said} >&2; exit 2; }}'"


#: The commands of our hooks, before a call and after it.
COMMAND = _or_say("this call is refused. Do not retry it")
AFTER = _or_say("what this call did is not judged. Do not go on")
#: Commands of our hooks, now and in earlier versions, which `merge` replaces.
OURS = (COMMAND, AFTER, CALL)
#: How long an agent waits for the guard, in seconds; most take a late answer for permission.
_TIMEOUT = 60
#: The names under which a command starts pytest-ouro, at the end of a path.
_PROGRAMS = ("pytest-ouro", "pytest_ouro")
#: A word that may stand before them: a program that starts another, an option or an assignment.
_STARTS = re.compile(
    r"(.*/)?(python[0-9.]*|uvx?|run|poetry|pdm|hatch|pipx|pixi|env|exec|command)|-.*|\w+=.*"
)
#: What joins simple commands, and what makes a shell do more than one of them.
_JOINS = re.compile(r"[;&|\n]")
_MORE = re.compile(r"[;&|<>`$\n]")
#: A shell that runs a text in single quotes, as in our own command.
_SCRIPT = re.compile(r"\s*(?:/bin/)?(?:ba)?sh -c '([^']*)'\s*")


@dataclass(frozen=True)
class Agent:
    """An AI agent whose hooks can call the guard: the path of its settings file (``settings``), and
    of the files that show that a project uses it (``signs``), all relative to the top folder.

    ``hooks`` maps an event to the entry that calls the guard. ``base`` are further keys, with their
    values, that the settings must have. ``next`` is what a person must do after the settings are
    written. ``reads`` is the file of instructions that the agent reads: AGENTS.md, or a file that
    must import AGENTS.md.
    """

    settings: str
    signs: tuple[str, ...]
    hooks: dict[str, dict[str, object]]
    base: dict[str, object]
    next: str
    reads: str = "AGENTS.md"


def _nested(matcher: str = "*", command: str = COMMAND, **more: object) -> dict[str, object]:
    """Return the entry of a hook for the tools that ``matcher`` matches, which runs ``command``, in
    the form of agents that list hooks below a matcher. ``more`` are further keys of the hook."""
    return {"matcher": matcher, "hooks": [{"type": "command", "command": command, **more}]}


def _all_but(*tools: str) -> str:
    """Return a regular expression that matches the name of each tool except ``tools``. Those need
    no check after a call: they only read, or write only the files that the call names."""
    return f"^(?!({'|'.join(tools)})$)"


_CLAUDE_AFTER = _nested(_all_but("Read", "Grep", "Glob", "Edit", "Write"), AFTER, timeout=_TIMEOUT)
_CURSOR = {"command": COMMAND, "timeout": _TIMEOUT, "failClosed": True}

AGENTS = {
    "claude": Agent(
        ".claude/settings.json",
        (".claude", "CLAUDE.md"),
        {
            "PreToolUse": _nested("Bash|PowerShell|.*", timeout=_TIMEOUT, onFailure="block"),
            "PostToolUse": _CLAUDE_AFTER,
            "PostToolUseFailure": _CLAUDE_AFTER,
        },
        {},
        "in Claude Code, trust this folder when it asks; a session that runs reads the hook when "
        "it starts again",
        "CLAUDE.md",
    ),
    "codex": Agent(
        ".codex/hooks.json",
        (".codex", "AGENTS.md"),
        {
            "PreToolUse": _nested(timeout=_TIMEOUT),
            "PostToolUse": _nested(command=AFTER, timeout=_TIMEOUT),
        },
        {},
        "in Codex, trust this project, and the hook again after each change of it: /hooks (until "
        "then it is skipped, and nothing says so)",
    ),
    "cursor": Agent(
        ".cursor/hooks.json",
        (".cursor",),
        {"preToolUse": _CURSOR, "beforeShellExecution": _CURSOR},
        {"version": 1},
        "in Cursor, trust this workspace; see in its settings, under Hooks, that the hook is there",
    ),
    "gemini": Agent(
        ".gemini/settings.json",
        (".gemini", "GEMINI.md"),
        {
            "BeforeTool": _nested(timeout=1000 * _TIMEOUT),
            "AfterTool": _nested(
                _all_but("read_file", "read_many_files", "list_directory", "glob", "replace"),
                AFTER,
                timeout=1000 * _TIMEOUT,
            ),
        },
        {},
        "in Gemini CLI, trust this folder when it asks, and start it again",
        "GEMINI.md",
    ),
}
#: Agents that read AGENTS.md, and have no hook that starts a command before a call.
WITHOUT_HOOKS = {"opencode": "OpenCode", "pi": "pi"}
#: The files that import AGENTS.md, where a project has them or an agent reads them.
IMPORTING = ("CLAUDE.md", "GEMINI.md")
IMPORT = "@AGENTS.md"
#: The whole text of such a file where there was none.
IMPORTER = f"<!-- pytest-ouro: written by `pytest-ouro init --agents` -->\n{IMPORT}\n"


def found(top: Path) -> list[str]:
    """Return the names of the agents that the project at ``top`` uses, by the files that it has; []
    if there are none. If AGENTS.md is the only sign of an agent, it does not count if the section
    that init writes is its whole text; OuroError if it cannot be read."""
    names = []
    for name, agent in AGENTS.items():
        signs = [sign for sign in agent.signs if (top / sign).exists()]
        if signs == ["AGENTS.md"] and _is_ours(read_file(top / "AGENTS.md") or b""):
            continue
        if signs:
            names.append(name)
    return names


def _is_ours(data: bytes) -> bool:
    """Return whether a file begins and ends with the markers of the section that init writes."""
    text = data.decode(errors="replace").strip()
    return text.startswith(BEGIN) and text.endswith(END)


def merge(agent: Agent, before: str) -> str:
    """Return the settings ``before`` (the text of the agent's file, "" for a new one) with the
    guard's hook in each event of ``agent.hooks``, and with the keys of ``agent.base`` that are
    missing. The text is unchanged if no hook is added or replaced.

    A hook of an earlier version is replaced in its place. A hook that calls the guard by a command
    that a person wrote is kept, and its event gets no other; then no hook for after a call is
    added, since our command may not start there. OuroError, with the line if it is known, if the
    text is not a JSON object, has a key twice, or has hooks in another structure.
    """
    settings = read_settings(before, agent.settings) if before.strip() else {}
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict):
        raise messages.unmergeable(agent.settings, "'hooks' is not an object")
    new = dict(hooks)
    for event, entry in agent.hooks.items():
        if AFTER in _commands([entry]) and _has_own(new.values()):
            continue
        entries = hooks.get(event, [])
        if not isinstance(entries, list):
            raise messages.unmergeable(agent.settings, f"'hooks.{event}' is not a list")
        new[event] = _with_entry(entries, entry)
    if new == hooks:
        return before
    return settings_text({**agent.base, **settings, "hooks": new}, before)


def _with_entry(entries: list[Any], entry: dict[str, object]) -> list[Any]:
    """Return the entries of one event with ``entry`` in place of the first entry that has only our
    hooks, or else at the end; all hooks whose command is one of `OURS` are removed. The entries are
    returned unchanged if one of their hooks calls the guard by another command."""
    if _has_own([entries]):
        return entries
    new: list[Any] = []
    place = None
    for each in entries:
        kept = _without_ours(each)
        if kept is None:
            place = len(new) if place is None else place
        else:
            new.append(kept)
    new.insert(len(new) if place is None else place, entry)
    return new


def _has_own(events: Iterable[Any]) -> bool:
    """Return whether a hook of any event calls the guard (`_calls_guard`) by a command that is not
    one of `OURS`, and so was written by a person. ``events`` are the lists of entries, one for each
    event; a value that is not a list is ignored."""
    found = [each for entries in events if isinstance(entries, list) for each in _commands(entries)]
    return any(_calls_guard(command) for command in found if command not in OURS)


def _without_ours(entry: Any) -> Any:
    """Return an entry of an event without the hooks whose command is one of `OURS`: unchanged if it
    has none, None if it has no other hook."""
    if not isinstance(entry, dict) or not _commands([entry]):
        return entry
    if entry.get("command") in OURS:
        return None
    inner = entry.get("hooks")
    if not isinstance(inner, list):
        return entry
    kept = [hook for hook in inner if not (isinstance(hook, dict) and hook.get("command") in OURS)]
    return {**entry, "hooks": kept} if kept else None


def calls_guard_alone(command: object) -> bool:
    """Return whether a hook's command does nothing but call the guard, so that it can be removed:
    it is one of `OURS`, or one simple command that starts ``pytest-ouro guard`` without arguments,
    perhaps by a starter of `_STARTS` such as ``uv run`` or ``python -m``. False for any other
    starter, such as ``timeout 60``, and for a value that is not text."""
    return command in OURS or (
        isinstance(command, str) and not _MORE.search(command) and _words_for_guard(command) == []
    )


def _calls_guard(command: str) -> bool:
    """Return whether one of the simple commands of a shell command, or of a text that it gives to
    ``sh -c``, starts ``pytest-ouro guard`` directly or by a starter of `_STARTS`, such as ``uv
    run``; False for other starters, such as ``timeout 60``."""
    if script := _SCRIPT.fullmatch(command):
        command = script[1]
    return any(_words_for_guard(part) is not None for part in _JOINS.split(command))


def _words_for_guard(command: str) -> list[str] | None:
    """Return the arguments of ``pytest-ouro guard`` in a simple command that starts it, directly or
    by a starter of `_STARTS`; None for any other command, such as ``echo pytest-ouro guard``."""
    try:
        words = list(dropwhile(_STARTS.fullmatch, shlex.split(command)))
    except ValueError:  # a quote is open
        return None
    ours = words[1:2] == ["guard"] and words[0].rpartition("/")[2] in _PROGRAMS
    return words[2:] if ours else None


def settings_text(settings: dict[str, object], before: str) -> str:
    """Return settings as JSON text with a line end, indented as the text ``before`` is; by two
    spaces if no line of ``before`` is indented."""
    return json.dumps(settings, indent=_indent(before), ensure_ascii=False) + "\n"


def add_import(before: str) -> str:
    """Return ``before``, the text of an agent's file of instructions, with a last line
    ``@AGENTS.md``, which imports that file. Unchanged if a line imports it already, also as
    ``@./AGENTS.md``. If ``before`` is "", return `IMPORTER`, the text of a new file with that
    line."""
    if not before:
        return IMPORTER
    if any(line.strip() in (IMPORT, "@./AGENTS.md") for line in before.splitlines()):
        return before
    gap = "\n" if before.endswith("\n") else "\n\n"
    return f"{before}{gap}{IMPORT}\n"


def disables(text: str) -> bool:
    """Return whether an agent's settings, a JSON object as text, turn all of its hooks off:
    ``disableAllHooks`` is true. ValueError if the text is not JSON."""
    return bool(json.loads(text.removeprefix("\ufeff")).get("disableAllHooks"))


def _commands(entries: list[Any]) -> list[str]:
    """Return the commands of an event's hooks, which agents list directly or under a matcher.
    Entries of another form are ignored; [] if there is no command."""
    inner = [entry for entry in entries if isinstance(entry, dict)]
    for entry in list(inner):
        nested = entry.get("hooks")
        inner += (
            [hook for hook in nested if isinstance(hook, dict)] if isinstance(nested, list) else []
        )
    return [entry["command"] for entry in inner if isinstance(entry.get("command"), str)]


def read_settings(text: str, name: str) -> dict[str, object]:
    """Return the settings in a JSON text; ``name`` is that of the file, for messages. OuroError if
    it is not one object with each key once."""
    try:
        settings = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise messages.unmergeable(f"{name}:{error.lineno}", f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise messages.unmergeable(name, str(error)) from None
    if not isinstance(settings, dict):
        raise messages.unmergeable(name, "not a JSON object")
    return settings


def _once(pairs: list[tuple[str, Any]]) -> dict[str, object]:
    """Return the pairs of a JSON object, which `json.loads` passes here, as a dict. Raise
    ValueError if a key is there twice, because one of the values would be lost."""
    keys = [key for key, _ in pairs]
    table = dict(pairs)
    if len(table) < len(keys):
        raise ValueError(f"an object has the key '{max(keys, key=keys.count)}' twice")
    return table


def _indent(text: str) -> int | str:
    """Return the white space at the start of the first indented line of a text; the number 2, for
    two spaces, if no line is indented."""
    for line in text.splitlines():
        space = line[: len(line) - len(line.lstrip())]
        if space and line.strip():
            return space
    return 2
