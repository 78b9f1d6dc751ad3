"""Errors of trust: the trusted commit, bound.lock, and the rules that they vouch for."""

from __future__ import annotations

from pytest_ouro.core.errors import TrustError


def not_a_commit(source: str, revision: str) -> TrustError:
    """The revision that ``source`` (an option, OURO_TRUST or git's configuration) names as trust is
    empty, or is not a commit of the repository."""
    return TrustError(
        f"{source} names '{revision}', which is not a commit of this repository",
        help="git fetch it, or name a commit, branch or tag that a person trusts",
    )


def ambiguous_name(source: str, revision: str) -> TrustError:
    """The name of the trusted commit, given by ``source``, is that of several refs, such as a
    branch and a tag."""
    return TrustError(
        f"{source} names '{revision}', which several refs are called",
        help="name one of them in full (git for-each-ref lists them), or the commit",
    )


def no_trusted_rules(lock: str) -> TrustError:
    """There is no bound.lock (at the path ``lock``), and no option, variable or setting names a
    trusted commit."""
    return TrustError(
        f"no trusted rules: {lock} does not exist and no trusted commit was named",
        help="a person runs `pytest-ouro bless` and commits bound.lock, "
        "or names a commit: git config ouro.trust <commit>",
    )


def damaged_lock(lock: str, why: str) -> TrustError:
    """bound.lock is not valid TOML, or not what ``pytest-ouro bless`` writes."""
    return TrustError(
        f"{lock} is damaged: {why}", help="a person writes it again: pytest-ouro bless"
    )


def newer_lock(lock: str, version: object, known: int) -> TrustError:
    """A later version of pytest-ouro wrote bound.lock."""
    return TrustError(
        f"{lock} was written by a later pytest-ouro: its version is {version}, and {known} is "
        "known here",
        help="pip install --upgrade pytest-ouro",
    )


def shallow_history(lock: str) -> TrustError:
    """A shallow clone ends before the commit that introduced the present bound.lock."""
    return TrustError(
        f"a shallow clone: the history since the blessing of {lock} is incomplete",
        help="git fetch --unshallow (in CI: fetch-depth: 0)",
    )


def no_bound(bound: str) -> TrustError:
    """The bound.toml that was named is not in bound.lock, and neither is it in the working tree or
    the commit that is judged."""
    return TrustError(
        f"{bound} does not exist: there are no rules to judge", help="fix the name: --bound PATH"
    )


def altered_bound(bound: str, restore: str) -> TrustError:
    """bound.toml differs from its digest in bound.lock, is not in bound.lock, or is missing.
    ``restore`` is the command that restores it; "" if there is none."""
    undo = f"undo the change: {restore}; "
    return TrustError(
        f"{bound} is not the one that was blessed (bound.lock): its rules are not trusted",
        help=f"{undo if restore else ''}a person may declare it the truth: pytest-ouro bless",
    )


def commands_not_allowed(command: str, door: str) -> TrustError:
    """A program that the bound names would be started, and this user has neither blessed these
    rules here nor given ``--run-commands``.

    ``door`` is the command of pytest-ouro that would have started it, such as ``gate``.
    """
    return TrustError(
        f"`{command}` was not started: the rules name it, and you have not blessed them here",
        help=f"read it first; if you trust it: pytest-ouro {door} --run-commands",
    )


def no_ci_job() -> TrustError:
    """``pytest-ouro ci`` runs outside of a job of GitHub or GitLab."""
    return TrustError(
        "this is not a job of GitHub or GitLab: their variables are not set",
        help="name the commits yourself: pytest-ouro gate --trust BASE --head REV",
    )


def no_finished_run(event: str) -> TrustError:
    """The job of ``pytest-ouro ci --comment`` was not started by ``workflow_run``, or the workflow
    run that this event is about was not for a pull request. ``event`` is what that run was for; ""
    if there is no such run."""
    about = f"a run for '{event}'" if event else "an event without a run"
    return TrustError(
        f"{about} is not of a pull request, to which a report belongs",
        help="use the two workflows of docs/ci.md as they stand",
    )


def no_policy(path: str, base: str) -> TrustError:
    """The policy that a job names is not a file of the base branch."""
    return TrustError(
        f"branch {base} has no policy {path}",
        help="name a file of the base branch: the input policy, or OURO_POLICY on GitLab",
    )


def no_report(name: str) -> TrustError:
    """The run that the event names left no artefact of this name, or it has expired."""
    return TrustError(
        f"the run left no artefact {name}: there is nothing to post",
        help="see the log of the run: the audit could not judge, or another workflow has that name",
    )


def foreign_report(why: str) -> TrustError:
    """The report that the run of a pull request's workflow left is not as pytest-ouro writes it,
    for the reason ``why``: the pull request changed its workflow, or the versions of both workflows
    differ. Nothing is posted."""
    return TrustError(
        f"the report is not as pytest-ouro writes it ({why}): it is not posted",
        help="name the same revision in both workflows, and read what the pull request changes "
        "below .github",
    )


def no_event(path: str) -> TrustError:
    """GITHUB_EVENT_PATH (``path``, "" if it is not set) names no file with a JSON object."""
    return TrustError(
        f"the event cannot be read from {path or 'GITHUB_EVENT_PATH, which is not set'}",
        help="use the workflow of docs/ci.md as it stands",
    )


def no_base_branch() -> TrustError:
    """Neither the job's input nor its server names a base branch, whose rules count."""
    return TrustError(
        "the event names no default branch: nobody knows whose rules count",
        help="name the protected branch in the workflow: base-branch: main",
    )


def other_base(what: str, target: str, base: str) -> TrustError:
    """A pull or merge request (``what``) goes to the branch ``target`` and not to ``base``, the
    branch whose rules count. It is refused since its own rules could be in ``target``, and since a
    request that passed there could be retargeted to ``base`` later."""
    return TrustError(
        f"{what} goes to '{target}', and only the rules of '{base}' count",
        help=f"retarget it to {base}; or a person names that branch in the workflow: "
        f"base-branch: {target}",
    )


def unprotected_base(base: str) -> TrustError:
    """GitLab does not protect the branch ``base``, the target of a merge request."""
    return TrustError(
        f"'{base}' is not a protected branch: anyone could change its rules",
        help="a maintainer protects it: Settings, Repository, Protected branches",
    )


def no_passed_check(base: str, why: str) -> TrustError:
    """The judged change is a push to ``base``, the branch whose rules count; the workflow names no
    commit to judge from, and no ancestor of the push is known to have passed this check. ``why``
    says what is missing."""
    return TrustError(
        f"a push to '{base}' itself, and nothing before it is known to be good: {why}",
        help="a person names a good commit in the workflow: trust: <full id>",
    )


def names_no_commit(what: str, value: str) -> TrustError:
    """An event or an input (``what``) names ``value``, which is not the full id of a commit."""
    return TrustError(
        f"{what} names no commit: '{value}'", help="give the full id of a commit, or leave it out"
    )


def branch_deleted(what: str) -> TrustError:
    """A push (``what``) deletes a branch."""
    return TrustError(
        f"{what} deletes a branch: there is nothing to judge",
        help="nothing has to be done; let the workflow run on pull requests",
    )


def empty_change(what: str, base: str) -> TrustError:
    """Each commit of a pull request or push (``what``) is in the branch ``base`` already."""
    return TrustError(
        f"{what} has no commit that {base} lacks: there is nothing to judge",
        help="push a commit to it, or close it",
    )


def unapproved(environment: str, why: str) -> TrustError:
    """A person's approval in the environment was asked for, and GitHub cannot be asked or reports
    none: ``why``."""
    return TrustError(
        f"nobody approved this run in the environment '{environment}': {why}",
        help="for a person's change: set the label that lets the run wait for that environment, "
        "which has required reviewers (Settings, Environments); the workflow has permissions: "
        "actions: read",
    )


def unapproved_steps(what: str, environment: str, why: str) -> TrustError:
    """A merge group, or a push to the protected branch, needs a person's approval, and none is
    found: none of its steps, the commits along the first parents, is of a pull request whose run a
    person approved in ``environment``. ``why`` is the reason, mostly that for the last step."""
    return TrustError(
        f"no step of {what} was approved in the environment '{environment}': {why}",
        help="a person approves the run of the pull request, and merges it as git does, by a merge "
        "or a squash; the workflow has permissions: actions: read",
    )


def no_approvals() -> TrustError:
    """A job of GitLab asks, by INPUT_ENVIRONMENT, for a person's approval in an environment.
    Approvals are read from GitHub alone, so the job cannot be answered."""
    return TrustError(
        "GitLab is not asked for approvals: pytest-ouro reads those of GitHub alone",
        help="leave INPUT_ENVIRONMENT out; a maintainer merges a person's change past the check",
    )
