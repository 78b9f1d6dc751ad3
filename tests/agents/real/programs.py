"""The programs of agents, each as a driver starts it: its command, its settings in a home folder of
its own, and how its model calls the tools."""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .fake_model import URL, Step

PINS = Path(__file__).parent / "package.json"
#: The MCP server whose tool writes a file.
SERVER = [sys.executable, str(Path(__file__).parent / "mcp_files.py")]


def pinned() -> dict[str, str]:
    """Return the pinned version of each npm package."""
    found: dict[str, str] = json.loads(PINS.read_text("utf-8"))["dependencies"]
    return found


@dataclass(frozen=True)
class Place:
    """Where a session runs: the project, the home folder, and the folders of PATH."""

    project: Path
    home: Path
    path: list[str] = field(default_factory=list)

    def write(self, name: str, content: str | dict[str, Any]) -> None:
        """Write a file of the home folder; a dict as JSON."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")

    def env(self) -> dict[str, str]:
        """Return the whole environment of the program; nothing is inherited."""
        path = os.pathsep.join([*self.path, "/usr/local/bin", "/usr/bin", "/bin"])
        # A login shell sets PATH itself; Codex starts its commands in one.
        self.write(".profile", f"export PATH={path}\n")
        names = {"HOME": str(self.home), "PATH": path, "SHELL": "/bin/bash"}
        return names | {"TERM": "dumb", "LANG": "C.UTF-8", "CI": "1", "NO_COLOR": "1"}


class Program(ABC):
    """A program of an agent, and the npm package that has it."""

    name: str
    package: str

    @abstractmethod
    def set_up(self, place: Place) -> None:
        """Write the settings of the home folder, with the MCP server."""

    @abstractmethod
    def arguments(self, prompt: str, *, trusts: bool) -> list[str]:
        """Return the arguments of a session that asks nobody; ``trusts``: the hooks are trusted."""

    @abstractmethod
    def env(self) -> dict[str, str]:
        """Return the variables by which it asks our server, and nothing else."""

    @abstractmethod
    def edit(self, path: str, old: str, new: str) -> list[Step]:
        """Return the calls that replace whole lines of a file by its own tool."""

    @abstractmethod
    def shell(self, command: str) -> Step:
        """Return the call that runs a shell command, and waits for it."""

    @abstractmethod
    def serve(self, path: str, content: str) -> Step:
        """Return the call of the MCP server's tool that writes a file."""


class Claude(Program):
    """Claude Code."""

    name = "claude"
    package = "@anthropic-ai/claude-code"

    def set_up(self, place: Place) -> None:
        servers = {"mcpServers": {"files": {"command": SERVER[0], "args": SERVER[1:]}}}
        place.write(".claude.json", servers)

    def arguments(self, prompt: str, *, trusts: bool) -> list[str]:
        unasked = ("--permission-mode", "bypassPermissions")
        return ["-p", prompt, "--model", "claude-sonnet-4-5", "--output-format", "json", *unasked]

    def env(self) -> dict[str, str]:
        off = ("DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING")
        return {
            **dict.fromkeys((*off, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "IS_SANDBOX"), "1"),
            "ANTHROPIC_BASE_URL": URL,
            "ANTHROPIC_API_KEY": "none",
        }

    def edit(self, path: str, old: str, new: str) -> list[Step]:
        given = {"file_path": path, "old_string": old, "new_string": new}
        return [Step("Read", {"file_path": path}), Step("Edit", given)]

    def shell(self, command: str) -> Step:
        return Step("Bash", {"command": command, "description": "go on", "timeout": 600_000})

    def serve(self, path: str, content: str) -> Step:
        return Step("mcp__files__put", {"path": path, "content": content})


class Codex(Program):
    """Codex CLI."""

    name = "codex"
    package = "@openai/codex"

    def set_up(self, place: Place) -> None:
        servers = f"command = {json.dumps(SERVER[0])}\nargs = {json.dumps(SERVER[1:])}\n"
        place.write(
            ".codex/config.toml",
            'model = "gpt-5.5"\nmodel_provider = "fake"\ncheck_for_update_on_startup = false\n'
            f"[analytics]\nenabled = false\n[mcp_servers.files]\n{servers}"
            f'[model_providers.fake]\nname = "fake"\nbase_url = "{URL}/v1"\n'
            f'wire_api = "responses"\nenv_key = "OPENAI_API_KEY"\n'
            f'[projects."{place.project}"]\ntrust_level = "trusted"\n',
        )

    def arguments(self, prompt: str, *, trusts: bool) -> list[str]:
        trusted = ["--dangerously-bypass-hook-trust"] if trusts else []
        return ["exec", "--json", "--dangerously-bypass-approvals-and-sandbox", *trusted, prompt]

    def env(self) -> dict[str, str]:
        return {"OPENAI_API_KEY": "none"}

    def edit(self, path: str, old: str, new: str) -> list[Step]:
        removed = "".join(f"-{line}\n" for line in old.split("\n"))
        added = "".join(f"+{line}\n" for line in new.split("\n"))
        patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n{removed}{added}*** End Patch\n"
        return [Step("apply_patch", patch)]

    def shell(self, command: str) -> Step:
        return Step("exec_command", {"cmd": command, "yield_time_ms": 1_000}, waits=True)

    def serve(self, path: str, content: str) -> Step:
        return Step("put", {"path": path, "content": content}, "mcp__files")


class Gemini(Program):
    """Gemini CLI."""

    name = "gemini"
    package = "@google/gemini-cli"

    def set_up(self, place: Place) -> None:
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "telemetry": {"enabled": False},
            "mcpServers": {"files": {"command": SERVER[0], "args": SERVER[1:], "trust": True}},
        }
        place.write(".gemini/settings.json", settings)

    def arguments(self, prompt: str, *, trusts: bool) -> list[str]:
        return ["-p", prompt, "-m", "gemini-2.5-pro", "-o", "json", "--yolo"]

    def env(self) -> dict[str, str]:
        trusted = {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_CLI_NO_RELAUNCH": "true"}
        return trusted | {"GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_API_KEY": "none"}

    def edit(self, path: str, old: str, new: str) -> list[Step]:
        given = {"file_path": path, "old_string": old, "new_string": new, "instruction": "change"}
        return [Step("replace", given)]

    def shell(self, command: str) -> Step:
        return Step("run_shell_command", {"command": command, "description": "go on"})

    def serve(self, path: str, content: str) -> Step:
        return Step("mcp_files_put", {"path": path, "content": content})


PROGRAMS: dict[str, Program] = {each.name: each for each in (Claude(), Codex(), Gemini())}
