"""The effects of a tool call that rules are about."""

from __future__ import annotations


class Write:
    """A path that would be changed, and how. In a `hosts.Call` the path is absolute.

    ``how`` is ``edit`` (by an agent's own tool), ``write`` (by the shell), ``remove``, ``restore``
    (from the revision ``source``; "" is the index), ``add`` (to git's index; ``source`` is "force"
    if ignored files are added too) or ``named``: a script or program text changes some file by a
    name that it computes, and this path stands in the text, so that it may be the file.
    """

    __slots__ = ("how", "path", "source")

    def __init__(self, path: str, how: str = "write", source: str = "") -> None:
        self.path = path
        self.how = how
        self.source = source


class Action:
    """An action other than a change of a file: ``kind`` is a key of `protected.ACTIONS`, and
    ``what`` is the command as it is shown. In a `hosts.Call`, ``folder``, where it is done, is
    absolute."""

    __slots__ = ("folder", "kind", "what")

    def __init__(self, kind: str, what: str, folder: str = "") -> None:
        self.folder = folder
        self.kind = kind
        self.what = what
