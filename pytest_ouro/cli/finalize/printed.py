"""What ``pytest-ouro finalize`` says about the branch that it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.escape import quoted
from pytest_ouro.evidence import lock as lockfile
from pytest_ouro.experiment.selection.finalize import certificate_texts
from pytest_ouro.experiment.steps.night_end import certify_command, option_of

if TYPE_CHECKING:
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.selection.finalize import Final


def commands(case: Case, found: Final) -> list[str]:
    """Return two commands of a shell: the gate that checks the branch, and the push of it."""
    git, name = case.repository.git, quoted(found.branch)
    remotes = git.line("remote").split()
    remote = "origin" if "origin" in remotes or not remotes else remotes[0]
    base = found.winner.baseline.commit
    trust = f" --trust {base:.7}" if case.trust.source == lockfile.NAME else ""
    check = f"pytest-ouro gate --head {name}{trust}{option_of(case.bound)}"
    return [check, f"git push -u {quoted(remote)} {name}"]


def facts(case: Case, found: Final) -> dict[str, object]:
    """Return what was made as a dict, to be printed as an object of JSON."""
    winner = found.winner
    return {
        "branch": found.branch,
        "commit": found.commit,
        "commits": found.commits,
        "base": winner.baseline.commit,
        "tip": winner.tip.commit,
        "state": winner.state,
        "certificates": [one.to_json() for one in winner.certificates],
        "runs": [run.run for run in (winner.baseline, *winner.keeps)],
        "later": [run.commit for run in winner.later],
        "left_out": list(found.left_out),
        "commands": commands(case, found),
        "new": found.is_new,
    }


def lines(case: Case, found: Final) -> list[str]:
    """Return the lines about a branch: what it has, what it lacks, how to go on, and last the line
    that people and agents grep for."""
    winner = found.winner
    count = "1 commit" if found.commits == 1 else f"{found.commits} commits"
    base, tip = winner.baseline.commit[:7], winner.tip.commit[:7]
    said = [
        f"{count} on {base}, with the editable files of {tip}",
        *certificate_texts(winner.certificates),
    ]
    if not found.is_new:
        said.insert(0, "the branch was there already, and is exactly this")
    if winner.state == "provisional":
        test = certify_command(case.bound)
        said.append(f"nothing is certified, and the gain may be luck; this tests it: {test}")
    if winner.later:
        later = ", ".join(f"{run.commit:.7}" for run in winner.later[:5])
        said.append(f"not on the branch, since kept after the certified commit: {later}")
    if found.left_out:
        files = ", ".join(found.left_out[:5])
        said.append(f"as in the baseline, since no experiment may edit them: {files}")
    gate, push = commands(case, found)
    said += [f"check it: {gate}", f"push it: {push}", "then open a pull request from it"]
    return [
        *(f"ouro: {line}" for line in said),
        f"ouro: finalized branch={found.branch} commit={found.commit:.7} "
        f"base={base} commits={found.commits} state={winner.state}",
    ]
