"""Read the tool calls of each agent, and write refusals in each agent's form."""

from __future__ import annotations

import os

from pytest_ouro.guard import Unreadable, loads
from pytest_ouro.guard.effects import Action, Write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Events before a tool is called; all others pass.
_EVENTS = ("PreToolUse", "preToolUse", "beforeShellExecution", "beforeMCPExecution", "BeforeTool")
#: Events after a tool was called.
_AFTER = ("PostToolUse", "PostToolUseFailure", "AfterTool")
_SHELLS = ("bash", "shell", "exec", "terminal", "command", "cmd")
_VERBS = (
    *("write", "edit", "create", "delete", "move", "rename", "replace", "patch", "update"),
    *("remove", "append", "insert", "save"),
)
#: Tools that always name a file.
_EDITORS = ("edit", "multiedit", "write", "notebookedit", "write_file", "replace", "apply_patch")
#: Those that change only the file that they name, which is judged before.
_EXACT = ("edit", "multiedit", "write", "write_file", "replace")
#: Words in the name of a tool that only reads.
_READS = frozenset((
    *("read", "get", "list", "ls", "search", "find", "view", "show", "stat", "info", "tree", "cat"),
    *("fetch", "query", "describe", "count", "grep", "glob", "diff", "check", "analyze", "hover"),
    *("definition", "definitions", "references", "symbol", "symbols", "diagnostics", "browse"),
    *("inspect", "head", "tail", "status", "log", "blame", "resolve", "validate", "explain"),
    *("outline", "overview", "summarize", "open", "lookup", "exists", "lint", "test"),
))  # fmt: skip
#: Words in the name of a tool that starts a program, which may write.
_STARTS = ("run", "test", "lint", "fix", "build", "execute")
#: Keys of what a tool puts into a file.
_CONTENTS = (
    *("content", "contents", "new_content", "new_string", "new_str", "new_text", "file_text"),
    *("edits", "patch", "diff", "insert_text", "new_source"),
)
#: Last words of the keys under which tools of MCP servers name files.
_PATH_WORDS = frozenset((
    *("path", "paths", "file", "files", "filename", "filenames", "filepath", "uri", "source"),
    *("destination", "src", "dst", "dest", "target", "output"),
))  # fmt: skip
_PATHS = (
    *("file_path", "notebook_path", "path", "absolute_path", "target_file", "filePath", "file"),
    *("filename", "relative_path", "old_path", "new_path", "source", "destination", "paths"),
    "files",
)
_FOLDERS = ("workdir", "working_directory", "cwd", "directory", "dir_path")


class Call:
    """One tool call: ``host``, the agent that makes it (as `_host` names it), and its effects.

    ``starts`` are the folders of the session, absolute or from the current folder: the rules of the
    projects around them apply. ``is_after``: the call was carried out, and may have written more
    than its effects say.
    """

    __slots__ = ("effects", "host", "is_after", "starts")

    def __init__(
        self, host: str, starts: list[str], effects: list[Write | Action], is_after: bool
    ) -> None:
        self.host = host
        self.starts = starts
        self.effects = effects
        self.is_after = is_after


def read(payload: Any) -> Call:
    """Return the call that an agent describes in a JSON value. It has no effects if the tool
    neither runs commands nor changes files, or if the event comes neither before a tool is called
    nor after a call that may have written more than it names.

    Unreadable if the value is not an object with ``hook_event_name``, if ``cwd``, the tool's name
    or its input is not in a known form, or if scripts in a command are nested too deeply;
    RecursionError if substitutions in it are. After a call, errors about the tool's name, input or
    command are not raised: the effects end there.
    """
    if not isinstance(payload, dict):
        raise Unreadable("the tool call is not a JSON object")
    event = payload.get("hook_event_name")
    if not isinstance(event, str):
        raise Unreadable("the tool call has no hook_event_name")
    folder = _folder(payload)
    is_after = event in _AFTER and _writes_more(payload)
    effects: list[Write | Action] = []
    try:
        if event in _EVENTS or is_after:
            effects += _effects(payload, event, folder)
    except (Unreadable, RecursionError):
        if not is_after:
            raise
    projects = (os.environ.get(f"{name}_PROJECT_DIR") for name in ("CLAUDE", "GEMINI", "CURSOR"))
    starts = [folder, *(name for name in projects if name), *_roots(payload), os.getcwd()]
    return Call(_host(payload, event), starts, effects, is_after)


def _writes_more(payload: dict[str, object]) -> bool:
    """Return whether the tool that the payload names may write more than the files that it names:
    it is not one of `_EXACT`, and does not only read, by `_only_reads`. True if the payload names
    none."""
    name, given = payload.get("tool_name"), payload.get("tool_input")
    if not isinstance(name, str):
        return True
    words = _words(_own_name(payload, name))
    reads = isinstance(given, dict) and _only_reads(words, given)
    return name.lower() not in _EXACT and not reads


def _only_reads(words: list[str], given: dict[str, object]) -> bool:
    """Return whether a tool with these words in its name only reads: one is of `_READS`, none of
    `_VERBS`, `_SHELLS` or `_STARTS`, and its input has no content and no command."""
    if any(key in given for key in (*_CONTENTS, "command", "cmd")):
        return False
    writes = (*_VERBS, *_SHELLS, *_STARTS)
    return bool(_READS.intersection(words)) and not any(word in writes for word in words)


def _host(payload: dict[str, object], event: str) -> str:
    """Return the agent that sent the payload: ``claude`` (for any that is not recognised),
    ``codex``, ``cursor`` or ``gemini``. Cursor is recognised by its own keys, since it also starts
    hooks from Claude Code's settings."""
    if event in ("BeforeTool", "AfterTool"):
        return "gemini"
    if any(key in payload for key in ("cursor_version", "workspace_roots", "conversation_id")):
        return "cursor"
    return "codex" if "turn_id" in payload else "claude"


def _roots(payload: dict[str, object]) -> list[str]:
    """Return the folders of the session's workspace that are given as text; [] if the payload names
    none."""
    roots = payload.get("workspace_roots", [])
    return [root for root in roots if isinstance(root, str)] if isinstance(roots, list) else []


def _folder(payload: dict[str, object]) -> str:
    """Return the absolute folder from which the call's relative paths start: ``cwd``, or else the
    first folder of the workspace, or else this process's current folder. Unreadable if ``cwd`` is
    not text."""
    folder = payload.get("cwd") or (_roots(payload) or [""])[0]
    if not isinstance(folder, str):
        raise Unreadable("cwd is not text")
    return os.path.join(os.getcwd(), folder)


def _effects(payload: dict[str, object], event: str, folder: str) -> Iterator[Write | Action]:
    """Yield the effects of the tool that the payload names; nothing for a tool that neither runs
    commands nor changes files. Relative paths start from ``folder``, or from the folder that the
    tool's input names. Errors as in `read`."""
    if event == "beforeShellExecution":
        yield from _run(payload.get("command"), folder)
        return
    name = payload.get("tool_name")
    if not isinstance(name, str):
        raise Unreadable("the tool call has no tool_name")
    given = payload.get("tool_input", {})
    words = _words(name)
    if isinstance(given, str):
        given = _parse(given, words)
    if not isinstance(given, dict):
        raise Unreadable("tool_input is not a JSON object")
    folders = [given[key] for key in _FOLDERS if isinstance(given.get(key), str)]
    folder = os.path.join(folder, *folders[:1])
    if "patch" in words and "apply" in words:
        yield from _patch(given, folder)
    elif "pwsh" in words or "powershell" in name.lower():
        yield from _run(given.get("command", given.get("script", "")), folder, powershell=True)
    elif any(word in _SHELLS for word in words):
        yield from _run(given.get("command", given.get("cmd", "")), folder)
    elif event == "beforeMCPExecution" or name[:4].lower() in ("mcp_", "mcp:"):
        yield from _served(_own_name(payload, name), given, folder)
    elif any(word in _VERBS for word in words):
        yield from _edited(name, words, given, folder)
    elif any(key in given for key in _CONTENTS):
        yield from (Write(os.path.join(folder, path)) for path in _served_paths(given))
    elif isinstance(given.get("command"), str):
        yield from _run(given["command"], folder)


def _own_name(payload: dict[str, object], name: str) -> str:
    """Return the name that a tool has on its MCP server: as ``payload``, the agent's hook input,
    states it in ``mcp_context``; otherwise ``name``, the agent's name of the tool, without the
    prefix of the server: ``write_file`` for ``mcp__files__write_file`` and ``MCP:write_file``. A
    name with neither ``__`` nor ``:`` is returned as it is."""
    context = payload.get("mcp_context")
    own = context.get("tool_name") if isinstance(context, dict) else None
    return own if isinstance(own, str) else name.split("__", 2)[-1].rpartition(":")[2]


def _served(name: str, given: dict[str, object], folder: str) -> Iterator[Write | Action]:
    """Yield the effects of a tool of an MCP server: those of the command in its input, and a
    `Write` of each path at any depth of its input.

    The `Write` is a ``remove`` if the tool's name has delete or remove, an ``edit`` if it has
    another verb of `_VERBS`, otherwise a ``write``, as by a shell. No path is yielded if the name
    has no such verb but a word of `_READS`, and the input has no content.
    """
    words = _words(name)
    command = given.get("command", given.get("cmd"))
    if isinstance(command, str):
        yield from _run(command, folder)
    is_known = any(word in _VERBS for word in words)
    if not is_known and _READS.intersection(words) and not any(key in given for key in _CONTENTS):
        return
    how = "remove" if {"delete", "remove"} & {*words} else "edit" if is_known else "write"
    for path in _served_paths(given):
        yield Write(os.path.join(folder, path), how)


def _served_paths(given: object, is_path: bool = False) -> Iterator[str]:
    """Yield the paths in the input of a tool: each text under a key whose last word is one of
    `_PATH_WORDS`, or whose words are file and name, at any depth, without ``file://`` and with
    ``~`` expanded. Addresses with another scheme, as on the web, are left out. ``is_path`` is
    whether ``given`` is the value of such a key."""
    if isinstance(given, dict):
        for key, value in given.items():
            words = _words(key)
            yield from _served_paths(value, words[-1] in _PATH_WORDS or words == ["file", "name"])
    elif isinstance(given, list):
        for value in given:
            yield from _served_paths(value, is_path)
    elif is_path and isinstance(given, str) and given:
        path = given.removeprefix("file://")
        if "://" not in path:
            yield os.path.expanduser(path)


def _words(name: str) -> list[str]:
    """Return the words of a tool's name in lower case: each begins at a capital letter, or after a
    sign, such as ``_``. ``NotebookEdit`` and ``mcp__x__notebook_edit`` both have ``edit``. Several
    capitals in a row are one word, but the last of them begins the next word if a small letter
    follows it: ``MCPTool`` is ``mcp`` and ``tool``. A name without letters and digits is returned
    as the only word."""
    spaced = ""
    for before, c, after in zip(f" {name}", name, f"{name[1:]} ", strict=False):
        starts = c.isupper() and (not before.isupper() or after.islower())
        spaced += f" {c}" if starts else c if c.isalnum() else " "
    return spaced.lower().split() or [name]


def _parse(text: str, words: list[str]) -> Any:
    """Return the JSON value of a tool's input that is text. If the text is not JSON, return
    ``{"command": text}`` for a tool whose name (``words``) is that of a shell or of a patch;
    Unreadable for any other."""
    try:
        return loads(text)
    except Unreadable:
        if "patch" in words or any(word in _SHELLS for word in words):
            return {"command": text}
        raise Unreadable("tool_input is not JSON") from None


def _run(command: object, folder: str, *, powershell: bool = False) -> Iterator[Write | Action]:
    """Yield the effects of a shell command, or with ``powershell`` one of PowerShell, given as text
    or as a list of words, in ``folder``. Unreadable if it is neither; else errors as in
    `commands.effects` or `powershell.effects`."""
    from pytest_ouro.guard import commands

    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        command = " ".join(map(_quoted, command))
    if not isinstance(command, str):
        raise Unreadable("the command is not text")
    if powershell:
        from pytest_ouro.guard.powershell import effects

        yield from effects(command, folder, commands.started)
    else:
        yield from commands.effects(command, folder)


def _quoted(word: str) -> str:
    """Return a word in single quotes, as a shell reads it."""
    return "'" + word.replace("'", "'\\''") + "'"


def _patch(given: dict[str, object], folder: str) -> Iterator[Write]:
    """Yield a `Write`, an ``edit`` or a ``remove``, for each file that the patch in a tool's input
    changes; paths start from ``folder``. Unreadable if it names no file."""
    from pytest_ouro.guard.commands import patched

    texts = [given[key] for key in ("command", "input", "patch") if key in given]
    flat = [text for each in texts for text in (each if isinstance(each, list) else [each])]
    found = [one for text in flat if isinstance(text, str) for one in patched(text, "edit")]
    if not found:
        raise Unreadable("apply_patch names no file")
    for write in found:
        yield Write(os.path.join(folder, write.path), write.how)


def _edited(name: str, words: list[str], given: dict[str, object], folder: str) -> Iterator[Write]:
    """Yield a `Write` for each path under a key of `_PATHS` in ``given``, the input of a tool that
    edits files: a ``remove`` if the tool's name has delete or remove, otherwise an ``edit``.
    ``words`` are the words of ``name``. Relative paths start from ``folder``.

    If there is no path, yield nothing; Unreadable if the tool is one of `_EDITORS`, which always
    name a file.
    """
    how = "remove" if {"delete", "remove"} & {*words} else "edit"
    named = False
    for key in _PATHS:
        value = given.get(key)
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and path:
                named = True
                path = os.path.expanduser(path.removeprefix("file://"))
                yield Write(os.path.join(folder, path), how)
    if not named and name.lower() in _EDITORS:
        raise Unreadable(f"{name} names no file")


def refusal(call: Call, reason: str) -> str:
    """Return the text, a line of JSON, by which the guard refuses the call on standard output, in
    the form that its agent reads. ``reason`` is what the agent is to read."""
    said = _text(reason)
    if call.host == "cursor":
        return f'{{"permission": "deny", "user_message": {said}, "agent_message": {said}}}\n'
    if call.host == "gemini":
        return f'{{"decision": "deny", "reason": {said}}}\n'
    # Exactly these fields: Codex runs the tool if the answer has a field that it does not know.
    return (
        '{"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "deny", '
        f'"permissionDecisionReason": {said}}}}}\n'
    )


def _text(words: str) -> str:
    """Return a text as a JSON string, in quotes and ASCII."""
    try:
        from _json import encode_basestring_ascii
    except ImportError:  # not CPython
        from json import dumps as encode_basestring_ascii
    return encode_basestring_ascii(words)
