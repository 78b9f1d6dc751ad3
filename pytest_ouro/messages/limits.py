"""Errors of judged input that is larger than any honest project's: see `core.limits`."""

from __future__ import annotations

from pytest_ouro.core.errors import LimitError, OuroError
from pytest_ouro.core.escape import quoted

_OTHERWISE = "; if the project needs it, a person judges it without pytest-ouro"


def too_large(name: str, size: int, limit: int) -> LimitError:
    """A file or git object that must be read has more bytes than the limit, or a script more
    characters."""
    return LimitError(
        f"{name} has {size} bytes: it could not be judged, at most {limit} are read",
        help=f"make it smaller, or let no rule of bound.toml be about it{_OTHERWISE}",
    )


def too_large_own(path: str, size: int, limit: int) -> LimitError:
    """A file of git's own, or one of pytest-ouro in git's folder, has more bytes than either ever
    writes."""
    name = quoted(path)
    remedy = f"echo ref: refs/heads/BRANCH > {name}" if path.endswith("/HEAD") else f"rm {name}"
    return LimitError(
        f"{path} has {size} bytes: it was not read, at most {limit} are",
        help=f"find out what wrote it, and keep elsewhere what you need of it; then: {remedy}",
    )


def too_large_object(kind: str, name: str, size: int, limit: int) -> LimitError:
    """A git object of the kind ``kind`` (a commit, a tree, or a blob whose path is not known) has
    more bytes than the limit."""
    return LimitError(
        f"{kind} {name:.10} has {size} bytes: it could not be judged, at most {limit} are read",
        help="give the commit a shorter message or fewer files: git commit --amend; or judge what "
        "comes after it: --trust REV",
    )


def too_many_tokens(name: str, count: int, limit: int) -> LimitError:
    """A script has more tokens (words and signs) than the limit."""
    return LimitError(
        f"{name} has {count} words and signs: it could not be judged, at most {limit} are parsed",
        help=f"move its tables of data into a file that is not Python{_OTHERWISE}",
    )


def too_many_objects(limit: int) -> LimitError:
    """All objects that were read from git for one answer, such as that of one call of the gate,
    have more bytes together than the limit."""
    return LimitError(
        f"the judged files and commits have more than {limit} bytes together: they could not be "
        "judged",
        help="judge fewer commits: name a later commit as trust (--trust), or bless again",
    )


def too_large_tree(tree: str, what: str, limit: int) -> LimitError:
    """A tree, or a folder to be judged by a policy, has with all below it more entries, more
    characters in its paths, or deeper folders than the limit. ``what`` is what is counted, as in
    "entries"."""
    return LimitError(
        f"tree {tree:.10} has more than {limit} {what}: it could not be judged",
        help=f"commit fewer and shallower files{_OTHERWISE}",
    )


def too_many_commits(limit: int) -> LimitError:
    """More commits than the limit lie between trust and the judged commit, or follow the one that
    brought the present bound.lock. The limit is lower if the commits have many files."""
    return LimitError(
        f"more than {limit} commits since trust: they could not be judged",
        help="name a later commit as trust (--trust), or a person blesses again: pytest-ouro bless",
    )


def special_file(path: str, kind: str, restore: str = "") -> OuroError:
    """A folder, a link, a pipe, a socket or a device (``kind``) lies where git or pytest-ouro reads
    or writes a file.

    ``restore`` is the command that puts back the file of the last commit; "" if it has none.
    """
    then = f" && {restore}" if restore else ""
    return OuroError(
        f"{path} is not a regular file but {kind}",
        help=f"find out what put it there, then remove it: rm -r {quoted(path)}{then}",
    )


def unread_encoding(path: str, encoding: str) -> OuroError:
    """A script declares an encoding that Python accepts and that pytest-ouro does not decode, such
    as punycode."""
    return OuroError(
        f"{path} declares the encoding {encoding!r:.40}: it could not be judged",
        help=f"save {path} as UTF-8, without a line 'coding:'",
    )
