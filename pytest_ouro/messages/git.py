"""Errors of git: the repository, its files, its objects, its index and its refs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError, OuroError

if TYPE_CHECKING:
    from pathlib import Path

_LET_READ = "let the job read it: permissions: contents: read; elsewhere: the input token"


def not_installed() -> GitError:
    """The program git is not found, or cannot be started."""
    return GitError(
        "git is not installed: rules are checked against its commits",
        help="install git and run again",
    )


def not_a_directory(folder: Path) -> GitError:
    """The folder in which git is to be started does not exist, or is not a directory."""
    return GitError(f"{folder} is not a directory", help="name the directory of the experiment")


def failed(command: str, words: str, advice: str = "") -> GitError:
    """A git command (``command`` is its name, such as "log") failed for a reason that has no
    message here: ``words`` is a line of git's. The help is ``advice``, the rest of git's output, if
    it is not ""."""
    help = advice or "git status, or git fsck, may say more"
    return GitError(f"git {command} failed: {words}", help=help)


def silent() -> GitError:
    """A git command gives no answer and was ended, and no pipe or device that explains it was found
    in git's own folder."""
    return GitError(
        "git does not answer: it waits for a pipe, a device or a file system that is gone",
        help="read .git/config and ~/.gitconfig: ls -l shows which path that they name is a pipe; "
        "remove it there",
    )


def no_repository(folder: Path) -> GitError:
    """No repository contains ``folder``."""
    return GitError(
        f"no git repository at {folder}: rules are judged against commits",
        help="git init, then commit the experiment",
    )


def no_history(folder: Path) -> GitError:
    """``audit``: no repository contains ``folder``, so that there are no commits to audit."""
    return GitError(
        f"no git repository at {folder}: a past run is audited from its commits",
        help="name the repository in which the loop ran: pytest-ouro audit PATH",
    )


def damaged_repository(folder: Path) -> GitError:
    """git does not accept ``folder``, a .git that is there, as a repository: a part of it is
    missing or may not be read."""
    return GitError(
        f"git does not accept {folder}: a part of it is missing, or may not be read",
        help=f"mount or restore it (ls -la {folder} must show HEAD, objects, refs), or clone again",
    )


def repository_gone(folder: Path, repository: str) -> GitError:
    """``folder`` is in a linked working tree or a submodule, whose git folder, ``repository``, is
    not there, as when it is not mounted."""
    return GitError(
        f"{folder} belongs to a repository that is not there: {repository}",
        help="mount it or move it back; where it moved, run git worktree repair there; of a "
        "submodule, run git submodule update --init in the repository above",
    )


def no_working_tree(folder: Path) -> GitError:
    """The repository is bare, or ``folder`` lies in the repository's own folder .git."""
    return GitError(
        f"{folder} has no working tree, as in a bare repository or a folder .git",
        help="go to a clone; a commit is judged here by pytest-ouro gate --head REV",
    )


def foreign_index(index: str) -> GitError:
    """GIT_INDEX_FILE names a file outside of the repository's own git folder."""
    return GitError(
        f"GIT_INDEX_FILE names {index}, which is not an index of this repository",
        help="unset GIT_INDEX_FILE; git sets it for a partial commit",
    )


def outside_working_tree(path: Path, top: Path) -> GitError:
    """A path that must be in the working tree, whose top is ``top``, is elsewhere."""
    return GitError(
        f"{path} lies outside the working tree {top}",
        help="git config --unset core.worktree, if it names another folder",
    )


def merge_conflict(path: str) -> GitError:
    """The index holds several versions of a file, from a merge that is not resolved."""
    return GitError(
        f"{path} has a merge conflict",
        help="resolve it, or abort the merge (git status says how); then run again",
    )


def unreadable_file(path: str, why: str) -> OuroError:
    """The operating system refuses to read a file that is there: one of the working tree, of the
    data, or one that git or pytest-ouro writes."""
    return OuroError(f"{path} cannot be read: {why}", help="fix its permissions, or the disk")


def missing_object(name: str) -> GitError:
    """An object whose id is ``name`` is not in the repository, as in a shallow or partial clone, or
    git does not give it."""
    return GitError(
        f"object {name:.10} cannot be read from the repository",
        help="a shallow clone lacks it: git fetch --unshallow, or a partial one: "
        "git fetch --refetch --no-filter",
    )


def damaged_object(name: str) -> GitError:
    """The bytes of an object do not match its id, or are not those of a commit or tree where one is
    expected."""
    return GitError(
        f"object {name:.10} does not match its id",
        help="the repository is damaged: git fsck, or clone it again",
    )


def invalid_tree(name: str, names: list[str]) -> GitError:
    """A tree has a name that git refuses, or one name twice. ``names`` are all its names."""
    return GitError(
        f"tree {name:.10} has an invalid or repeated name: {names}",
        help="the repository is damaged: git fsck, or clone it again",
    )


def not_a_push_line(line: str) -> GitError:
    """A line of the standard input of ``gate --pre-push`` is not what git gives to its hook."""
    return GitError(
        f"not a line of a pre-push hook: {line!r:.80}",
        help="git hands its hook <local ref> <local id> <remote ref> <remote id>",
    )


def no_commit_yet() -> GitError:
    """The repository has no commit."""
    return GitError(
        "the repository has no commit yet: rules are judged against commits",
        help="git add the experiment and git commit it",
    )


def no_such_commit(revision: str) -> GitError:
    """The repository has no commit of the name ``revision``, which a command was given, or which a
    job of CI names."""
    return GitError(f"'{revision}' names no commit", help="git fetch it, or fix the name")


def shallow_history(trust: str, head: str) -> GitError:
    """The clone is shallow, and has no common ancestor of the trusted commit and the judged one."""
    return GitError(
        f"a shallow clone: the commits between trust {trust:.7} and {head:.7} are incomplete",
        help="git fetch --unshallow (in CI: fetch-depth: 0)",
    )


def server_refuses(server: str, *, sent: bool) -> GitError:
    """The server refuses to let the repository be read: it rejects the token (``sent``), or asks
    for one, and none was sent."""
    said = "refuses the token" if sent else "asks for a token, and none was given"
    return GitError(
        f"{server} {said}",
        help=_LET_READ,
    )


def no_such_repository(server: str) -> GitError:
    """The server has no such repository, or does not show it to this token."""
    return GitError(
        f"{server} is not there, or the token may not see it",
        help=_LET_READ,
    )


def not_on_server(what: str, server: str) -> GitError:
    """The server lacks what a job fetches, such as the base branch or the judged commit; ``what``
    says in words which."""
    return GitError(
        f"{what} is not on {server}",
        help="it was deleted or replaced, as by a force push: push again, which starts the check "
        "for the present commit, or fix base-branch",
    )


def shallow_server(server: str) -> GitError:
    """The server's own repository is shallow, so that it cannot give the whole history."""
    return GitError(
        f"{server} is a shallow repository: the history is incomplete",
        help="git fetch --unshallow, in that repository",
    )


def server_too_slow(server: str, what: str, seconds: float) -> GitError:
    """The server does not give what was asked for (``what``; "" for any answer) in time.
    ``seconds`` is our limit; 0 if git gave up the connection before."""
    limit = f" in {seconds:g} seconds" if seconds else " in time"
    return GitError(f"{server} did not give {what or 'an answer'}{limit}", help="run the job again")


def server_unreachable(server: str, words: str) -> GitError:
    """git cannot read from the server for a reason that no other function reports; ``words`` are
    git's."""
    return GitError(
        f"{server} cannot be read: {words}",
        help="run the job again when the server answers; a runner of your own needs a way to it",
    )


def api_refuses(api: str, status: int, *, sent: bool, busy: bool = False) -> GitError:
    """GitHub's API (at the address ``api``) answers a question with the status ``status``, which
    refuses it. ``sent`` says whether a token was sent, ``busy`` whether the server takes no further
    question for a while."""
    help = "give the job permissions: actions: read, and leave the input token out"
    if busy:
        help = "run the job again later: the server takes no more questions for a while"
    token = "" if sent else ", and no token was sent"
    return GitError(f"{api} cannot be asked: the server answers {status}{token}", help=help)


def api_too_slow(api: str, seconds: float) -> GitError:
    """GitHub's API (at the address ``api``) does not answer within ``seconds``, our limit."""
    return GitError(f"{api} did not answer in {seconds:g} seconds", help="run the job again")


def api_unreachable(api: str, words: str) -> GitError:
    """GitHub's API cannot be reached, fails, or answers in another form than expected: ``words``.
    ``api`` is its address, "" if GITHUB_API_URL is not set."""
    return GitError(
        f"{api or 'the API, whose address GITHUB_API_URL lacks,'} cannot be asked: {words}",
        help="run the job again; a runner of your own needs a way to the server",
    )


def not_auditable(path: str) -> GitError:
    """``audit`` is given ``path``, which names no commit, range of commits or pull request here,
    and no folder in a repository."""
    return GitError(
        f"{path}: neither a commit nor a git repository",
        help="name a revision, a range A..B, or a folder: pytest-ouro audit PATH; fetch a pull "
        "request first: git fetch origin pull/N/head:refs/pull/N/head",
    )
