"""Take back what init wrote: the text of each file without it. Nothing is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ouro.onboarding.agents import (
    IMPORT,
    IMPORTER,
    calls_guard_alone,
    read_settings,
    settings_text,
)
from pytest_ouro.onboarding.section import BEGIN, END

if TYPE_CHECKING:
    from pytest_ouro.onboarding.agents import Agent


def without_hooks(agent: Agent, before: str) -> str:
    """Return the text of an agent's settings, ``before``, without the hooks that only call the
    guard. Unchanged if there is no such hook; "" (delete the file) if only keys of ``agent.base``
    would be left. OuroError if the text is not a JSON object, or has a key twice."""
    settings = read_settings(before, agent.settings) if before.strip() else {}
    hooks = settings.get("hooks")
    if not isinstance(hooks, dict):
        return before
    kept = {event: _others(entries) for event, entries in hooks.items()}
    if kept == hooks:
        return before
    kept = {event: entries for event, entries in kept.items() if entries or not hooks[event]}
    rest = {key: value for key, value in settings.items() if key != "hooks"}
    if not kept and all(agent.base.get(key) == value for key, value in rest.items()):
        return ""
    return settings_text({**rest, "hooks": kept} if kept else rest, before)


def _others(entries: Any) -> Any:
    """Return the entries of an event without the hooks that only call the guard, and without
    entries that had no other hook. A value that is not a list is returned unchanged."""
    if not isinstance(entries, list):
        return entries
    kept = []
    for entry in entries:
        if not isinstance(entry, dict):
            kept.append(entry)
            continue
        inner = entry.get("hooks")
        if isinstance(inner, list):
            others = _others(inner)
            if others or not inner:
                kept.append({**entry, "hooks": others})
        elif not calls_guard_alone(entry.get("command")):
            kept.append(entry)
    return kept


def without_section(before: str) -> str:
    """Return a text without the section that init writes, from the first mark of a beginning to the
    first of an end. White space around it is replaced by one empty line, or, where no text is on
    one side, by the line end. "" if there was nothing else; unchanged unless both marks are there
    in this order."""
    start, end = before.find(BEGIN), before.find(END)
    if start < 0 or end < start:
        return before
    above, below = before[:start].rstrip(), before[end + len(END) :].strip()
    newline = "\r\n" if "\r\n" in before else "\n"
    parts = [part for part in (above, below) if part.strip("\ufeff \r\n")]
    return (newline * 2).join(parts) + newline if parts else ""


def without_import(before: str, *, is_gone: bool) -> str:
    """Return the text ``before`` of an agent's file of instructions without what init added: "" if
    it is all that init writes to import AGENTS.md. Of any other text, the lines ``@AGENTS.md`` are
    removed only if AGENTS.md ``is_gone``; "" if only white space is left."""
    if before == IMPORTER or not is_gone:
        return "" if before == IMPORTER else before
    lines = before.splitlines(keepends=True)
    text = "".join(line for line in lines if line.strip() != IMPORT)
    return text if text.strip() else ""
