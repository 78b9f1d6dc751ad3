"""Run a workflow under act, a runner of GitHub's workflows, without a container or a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ZEROS = "0" * 40
ACTION = "OWNER/pytest-ouro"
#: Added to a job: keep what the gate's step puts out.
_KEEP = """
      - if: always()
        env:
          OUTPUTS: ${{ toJSON(steps.gate.outputs) }}
          SARIF: ${{ steps.gate.outputs.sarif }}
          JUNIT: ${{ steps.gate.outputs.junit }}
        run: |
          printf '%s' "$OUTPUTS" > "$KEEP/outputs.json"
          cp "$SARIF" "$KEEP/ouro.sarif" || true
          cp "$JUNIT" "$KEEP/ouro.xml" || true
"""


def find(name: str) -> str | None:
    """Return the path of a tool, beside this Python or on PATH; None if it is not installed."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def snippets(page: str) -> list[str]:
    """Return the YAML of a page, in its order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [part.split("```")[0] for part in text.split("```yaml\n")[1:]]


@dataclass
class Outcome:
    """What a run of a workflow left.

    ``job`` is ``success`` or ``failure``, ``said`` the log, ``annotations`` are pairs of command
    and text with the properties before it, ``outputs`` those of the gate.
    """

    job: str
    said: str
    summary: str
    annotations: list[tuple[str, dict[str, str], str]]
    folder: Path
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return self.outputs.get("verdict", "")

    @property
    def last(self) -> str:
        """The last line that the gate printed."""
        lines = [line for line in self.said.splitlines() if line.startswith("ouro: ")]
        return lines[-1] if lines else ""

    @property
    def errors(self) -> list[str]:
        return [text for command, _, text in self.annotations if command == "error"]

    def file(self, name: str) -> Path:
        return self.folder / name


def act(
    folder: Path,
    workflow: str,
    event: str,
    payload: dict[str, Any],
    *,
    action: Path,
    env: dict[str, str],
    clone: Path | None = None,
    token: str = "a-token",
) -> Outcome:
    """Run the workflow for an event in ``folder``; ``action`` is the folder of our action.

    ``clone`` is the repository whose HEAD is the commit of the event, if the payload names none.
    """
    keep = folder / "keep"
    keep.mkdir(parents=True)
    workflows = folder / ".github/workflows"
    workflows.mkdir(parents=True)
    text = re.sub(
        rf"( +)- uses: {ACTION}@(\S+)\n(\1  id: gate\n)?",
        rf"\1- uses: {ACTION}@\2\n\1  id: gate\n",
        workflow.rstrip() + "\n",
        count=1,
    )
    keeps = "id: gate\n" in text and "runs-on" in text
    (workflows / "w.yml").write_text(text + (_KEEP if keeps else ""))
    subprocess.run(
        "git init -q && git add -A && git -c user.name=x -c user.email=x@y commit -qm x",
        shell=True, cwd=folder, check=True,
    )  # fmt: skip
    (folder / "event.json").write_text(json.dumps(payload))
    program = find("act")
    assert program
    command = [
        program, event, "--json", "-e", str(folder / "event.json"),
        "-P", "ubuntu-latest=-self-hosted", "--no-cache-server",
        "--local-repository", f"{ACTION}@{ZEROS}={action}", "-s", f"GITHUB_TOKEN={token}",
    ]  # fmt: skip
    if clone:
        command += ["-C", str(clone), "-W", str(workflows / "w.yml")]
    for name, value in {"KEEP": str(keep), **env}.items():
        command += ["--env", f"{name}={value}"]
    home = folder / "home"
    home.mkdir()
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    (folder / "log").write_text(done.stdout)
    return _read(done.stdout, keep)


def _read(log: str, keep: Path) -> Outcome:
    """Return the outcome that act's log and the kept files tell."""
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    jobs = [event["jobResult"] for event in events if "jobResult" in event]
    said = [event["msg"] for event in events if event.get("raw_output")]
    summary = [event.get("content", "") for event in events if event.get("command") == "summary"]
    known = ("error", "warning", "notice")
    annotations = [
        (event["command"], event.get("kvPairs") or {}, event.get("arg", ""))
        for event in events
        if event.get("command") in known
    ]
    outputs = keep / "outputs.json"
    return Outcome(
        "success" if jobs and set(jobs) == {"success"} else "failure",
        "".join(said) or log,
        "".join(summary),
        annotations,
        keep,
        json.loads(outputs.read_text()) if outputs.exists() else {},
    )
