"""Find out, without a network, whether an agent's program trusts a project's hooks, and whether the
command of our hooks refuses what it must."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.foreign_json import table, tables
from pytest_ouro.doctor.switches import read_user_file, user_settings
from pytest_ouro.onboarding import agents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds in which a program, or the command of a hook, must answer.
_SECONDS = 60.0
#: No program can reach a server behind this address.
_NOWHERE = "http://127.0.0.1:9"
_OFFLINE = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), _NOWHERE)
#: The name of the answer to the request of `_requests`.
_LIST = 2
#: The name of an MCP server that does not exist, and what Gemini CLI says of it.
_SERVER = "pytest-ouro-asks"
_SAID = re.compile(rf"{_SERVER}: .* - (\w+)")


class Trust(NamedTuple):
    """Whether an agent's program trusts a project's hooks (``holds``; None if that is not known).
    If ``holds`` is False, ``why`` says in words that it does not, and ``next`` is the next step; if
    it is True or None, both are ""."""

    holds: bool | None
    why: str = ""
    next: str = ""


UNKNOWN = Trust(None)


def find_trust(top: Path, name: str) -> Trust:
    """Return whether the agent ``name`` trusts the hooks of the project at ``top``. Only the
    programs of Codex CLI and Gemini CLI are asked; for any other agent that is not known."""
    if name == "codex":
        return _find_codex(top)
    return _find_gemini(top) if name == "gemini" else UNKNOWN


def _find_codex(top: Path) -> Trust:
    """Return whether Codex CLI trusts our hook in the project at ``top``. It is asked with a copy
    of the user's settings in a temporary folder, where it also writes. Not known if the program is
    not on PATH, does not answer, or answers in an unknown form."""
    program = shutil.which("codex")
    if program is None:
        return UNKNOWN
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            config = user_settings("codex")[1]
            if config.is_file():
                shutil.copyfile(config, Path(home, "config.toml"))
            found = _ask_codex(program, top, home)
    except (OSError, ValueError, RecursionError):
        return UNKNOWN
    if found is None:
        return UNKNOWN
    hooks = [hook for each in found for hook in tables(each, "hooks")]
    ours = [hook for hook in hooks if hook.get("command") in agents.OURS and hook.get("enabled")]
    if not ours:
        return Trust(
            False, "Codex does not read the project's hooks", "codex   (trust the project)"
        )
    if any(hook.get("trustStatus") not in ("trusted", "managed") for hook in ours):
        return Trust(False, "Codex does not trust the hook", "codex   (then: /hooks)")
    return Trust(True)


def _ask_codex(program: str, top: Path, home: str) -> list[Mapping[str, object]] | None:
    """Start Codex CLI (``program``) with its files in the folder ``home``, and return the entries
    about hooks that it lists for the folder ``top``; None if it ends, or is ended after `_SECONDS`,
    without a list. OSError if it does not start, ValueError if it prints a line that is not
    JSON."""
    with subprocess.Popen(
        [program, "app-server", "-c", "analytics.enabled=false"],
        cwd=home,
        env={**os.environ, **_OFFLINE, "CODEX_HOME": home},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        timer = threading.Timer(_SECONDS, _end, [process])
        timer.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            for request in _requests(top):
                process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return _read_list(process.stdout)
        finally:
            timer.cancel()
            _end(process)


def _requests(top: Path) -> Iterator[dict[str, object]]:
    """Yield the three messages, as JSON objects, that ask Codex CLI's server for the hooks of the
    folder ``top``."""
    client = {"name": "pytest-ouro", "version": "1"}
    yield {"id": 1, "method": "initialize", "params": {"clientInfo": client}}
    yield {"method": "initialized"}
    yield {"id": _LIST, "method": "hooks/list", "params": {"cwds": [str(top)]}}


def _read_list(output: IO[str]) -> list[Mapping[str, object]] | None:
    """Read the program's lines up to the answer to the request `_LIST`, and return the list in it;
    None if the output ends before, or if that answer is an error. ValueError for a line that is not
    JSON."""
    for line in output:
        answer = table(json.loads(line))
        if answer.get("id") == _LIST:
            is_list = isinstance(table(answer, "result").get("data"), list)
            return tables(answer, "result", "data") if is_list else None
    return None


def _end(process: subprocess.Popen[str]) -> None:
    """Kill all processes of a program's group by SIGKILL: the program, if it still runs, and those
    that it started, such as the program behind the launcher of npm. Do nothing if the group has no
    process left. Return at once, without waiting for their end."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _find_gemini(top: Path) -> Trust:
    """Return whether Gemini CLI trusts the folder ``top``: it does if the program shows so, and
    does not if its file of trusted folders says that a person refused. Otherwise that is not
    known."""
    if _ask_gemini(top):
        return Trust(True)
    try:
        if not _refuses_gemini(top):
            return UNKNOWN
    except (OuroError, OSError, ValueError, RecursionError):
        return UNKNOWN
    words = "Gemini CLI does not trust this folder, and ignores its settings"
    return Trust(False, words, "gemini   (then: /permissions)")


def _ask_gemini(top: Path) -> bool:
    """Return whether Gemini CLI shows that it trusts the folder ``top``: only then does it try to
    start the server of a test setting, which does not exist. False if it is not on PATH, fails, or
    does not answer in time."""
    program = shutil.which("gemini")
    if program is None:
        return False
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            Path(home, ".gemini").mkdir()
            Path(home, ".gemini/settings.json").write_text(json.dumps(_to_ask_by()), "utf-8")
            said = _SAID.search(_list_servers(program, top, home))
    except (OuroError, OSError, ValueError, RecursionError, subprocess.SubprocessError):
        return False
    return said is not None and said[1] == "Disconnected"


def _to_ask_by() -> dict[str, object]:
    """Return the settings of Gemini CLI by which `_ask_gemini` asks: one MCP server that does not
    exist, and from the user's settings only what decides about trust. Errors as in
    `read_user_file`."""
    trust = table(read_user_file("gemini", "settings.json"), "security", "folderTrust")
    return {
        "security": {"folderTrust": trust} if trust else {},
        "mcpServers": {_SERVER: {"command": _SERVER}},
        "mcp": {"allowed": [_SERVER]},  # no other is started
    }


def _list_servers(program: str, top: Path, home: str) -> str:
    """Return the output of Gemini CLI (``program``) for ``mcp list`` in the folder ``top``, with
    its settings in ``home`` and the user's file of trusted folders. OSError or SubprocessError if
    it does not start, or does not end in time."""
    trusted = str(user_settings("gemini")[1].with_name("trustedFolders.json"))
    done = subprocess.run(
        [program, "mcp", "list"],
        cwd=top,
        env={
            "GEMINI_CLI_TRUSTED_FOLDERS_PATH": trusted,
            **os.environ,
            **_OFFLINE,
            "GEMINI_CLI_HOME": home,
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "NO_COLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
    return done.stdout


def _refuses_gemini(top: Path) -> bool:
    """Return whether a person refused to trust the folder ``top``, by Gemini CLI's file of trusted
    folders. Of its entries whose folder is ``top`` or above, the one with the longest path decides;
    False if there is none. Errors as in `read_user_file`."""
    rules = read_user_file("gemini", "trustedFolders.json")
    deciding, refuses = -1, False
    for path, level in rules.items():
        held = Path(path).parent if level == "TRUST_PARENT" else Path(path)
        if len(path) > deciding and top.resolve().is_relative_to(held.resolve()):
            deciding, refuses = len(path), level == "DO_NOT_TRUST"
    return refuses


def try_hook(top: Path, bound: Path) -> str:
    """Run the command of our hooks once in the folder ``top``, with the call that an agent makes
    before it writes the bound.toml at ``bound``; the hook must refuse that. Return "" if it does,
    else in words what it does instead, also if it does not start or end in time. Nothing is
    written."""
    given = {"file_path": str(bound.absolute()), "content": ""}
    call = {"hook_event_name": "PreToolUse", "tool_name": "Write", "tool_input": given}
    try:
        done = subprocess.run(
            ["sh", "-c", agents.COMMAND],
            cwd=top,
            input=json.dumps({**call, "cwd": str(top)}),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"its command fails: {error}"
    if done.returncode == 2 and '"permissionDecision": "deny"' in done.stdout:
        return ""
    said = (done.stderr.strip().splitlines() or ["it is silent"])[-1]
    if done.returncode == 2:
        return f"its command refuses every call: {said}"
    return f"its command lets a change of bound.toml pass: {said}"
