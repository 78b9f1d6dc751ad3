"""``command``: a command of the bound's author exits with 0."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.child_environment import child_environment
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding
from pytest_ouro.core.schema import option
from pytest_ouro.messages import checks as messages
from pytest_ouro.messages import trust as trust_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Command(Check):
    """A command that is run in the experiment's folder exits with 0 before its timeout.

    The command may run code of the working tree. So it is run only if a working tree is checked,
    not for a commit or the index alone. This user must have allowed it: by an option, by naming
    the trusted commit in an option or variable, or by a blessing of these rules on this machine.
    Otherwise, or if the program cannot be started, nothing is judged.
    """

    starts_programs = True

    command: tuple[str, ...] = option("the program and its arguments; no shell", items=1)
    timeout: float = option(
        "seconds after which the command is stopped and the rule is broken",
        default=60.0,
        above=0,
        max=86400,
    )

    def skipped(self, evidence: Evidence) -> str:
        """Return why the rule is skipped: a commit or an index alone is checked, in which no
        command can run. "" if a working tree is checked."""
        subject = evidence.repository.subject
        if subject == "working tree":
            return ""
        return f"a command needs a working tree: it cannot be judged on the {subject} alone"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Run the command, and yield one finding if it exits with another status than 0 or does not
        end in time. TrustError unless `Evidence.may_run_commands` is true; OuroError if the command
        cannot be started."""
        words, output = " ".join(self.command), b""
        if not evidence.may_run_commands:
            raise trust_messages.commands_not_allowed(words, "gate")
        try:
            done = subprocess.run(
                self.command,
                cwd=evidence.root,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=self.timeout,
                check=False,
            )
            problem = f"exited with {done.returncode}" if done.returncode else ""
            output = done.stdout
        except subprocess.TimeoutExpired:
            problem = f"did not end in {self.timeout:g} s"
        except OSError as error:
            raise messages.command_not_started(words, str(error.strerror)) from None
        if problem:
            *_, last = ["", *output.decode(errors="replace").strip().splitlines()]
            yield Finding(
                f"`{words}` {problem}",
                where=f"it said: {last[:160]}" if last else "",
                expected="exit status 0",
                help=f"run it: {words}",
            )
