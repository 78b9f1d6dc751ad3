"""Execute an evaluation in Python, and report if its own process runs the candidate's code.

An audit hook sees what Python compiles, imports, loads and starts, and reports the first piece of
the candidate's code before it gets control. It is a tripwire for evaluations that were not written
with a hostile candidate in mind: the evaluation itself is trusted.
"""

from __future__ import annotations

import os
import runpy
import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..channel import Channel

if TYPE_CHECKING:
    from types import FrameType

#: Programs that read the files they are given, and run none of them.
_READERS = frozenset(
    {
        *("b2sum", "base64", "cat", "cksum", "cmp", "comm", "cp", "cut", "diff", "du", "file"),
        *("git", "grep", "gzip", "head", "ls", "md5sum", "nm", "objdump", "od", "readelf", "rg"),
        *("sha1sum", "sha256sum", "sha512sum", "size", "sort", "stat", "strings", "tail", "test"),
        *("tokei", "uniq", "wc", "xz", "zstd"),
    }
)
#: Modules whose messages between processes of one program are pickled.
_OWN_PICKLES = ("multiprocessing.", "concurrent.futures.")
#: The shortest text that counts as the candidate's code, and the most bytes that are looked at.
_SHORT, _MOST = 4, 1 << 24
#: Where the path of a program, its words and its folder are in the arguments of an event.
_STARTS = {
    "subprocess.Popen": (0, 1, 2),
    "os.exec": (0, 1, None),
    "os.posix_spawn": (0, 1, None),
    "os.spawn": (1, 2, None),
    "pty.spawn": (None, 0, None),
    "os.system": (None, 0, None),
}


class Observer:
    """An audit hook, for ``sys.addaudithook``, that reports over ``channel`` the first time that
    the candidate's code may run, and nothing after it.

    Four things are reported. A file in ``folders`` is executed, imported or loaded. A text from a
    file in the first of ``folders`` is executed. Data that names a class or a function is
    unpickled, except for messages between the evaluation's own processes. A program is started on
    files in ``folders`` outside of the sandbox, unless it only reads. ``confine`` are the words
    that start a program in the sandbox.
    """

    def __init__(self, channel: Channel, folders: list[str], confine: list[str]) -> None:
        self._channel, self._confine = channel, confine
        self._folders = tuple(os.path.realpath(folder) for folder in folders)
        self._texts: list[str] | None = None
        #: Names of the sources that were compiled from a text of the candidate.
        self._tainted: set[object] = set()
        self._reported = self._busy = False

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        """Report an audit event if it runs code of the candidate; do nothing after the first
        report."""
        if self._reported or self._busy:
            return
        self._busy = True
        try:
            if what := self._found(event, given):
                self._reported = True
                self._channel.report("exposed", text=f"{what}{_place()}")
        finally:
            self._busy = False

    def _found(self, event: str, given: tuple[Any, ...]) -> str:
        """Return how an audit event runs code of the candidate, as words for the report ("ran x.py
        of the candidate"); "" if it does not. ``given`` are the event's arguments."""
        if event == "exec":
            return self._executed(getattr(given[0], "co_filename", ""))
        if event == "compile":
            self._compiled(*given[:2])
        elif event == "import" and self._inside(given[1]):
            return f"loaded {_name(given[1])} of the candidate"
        elif event == "ctypes.dlopen" and self._inside(given[0]):
            return f"loaded {_name(given[0])} of the candidate"
        elif event == "pickle.find_class" and not _is_own_pickle():
            return "unpickled data, which may run any code,"
        elif event in _STARTS:
            program, words, folder = (None if n is None else given[n] for n in _STARTS[event])
            return self._started(program, words, folder)
        return ""

    def _executed(self, name: str) -> str:
        """Return words for the report if code with the file name ``name`` is the candidate's: it is
        a file in the folders, or a name that `_compiled` remembered. "" for other code."""
        if self._inside(name):
            return f"ran {_name(name)} of the candidate"
        return "ran text of the candidate" if name in self._tainted else ""

    def _compiled(self, source: object, name: object) -> None:
        """Remember ``name``, the file name that is given to a compiled source, if the source is
        text of the candidate: it contains the whole text of one of the candidate's files, or is a
        piece of one.

        A source is ignored if ``name`` is an absolute path, or if it is shorter than _SHORT. If
        ``source`` is None, a syntax tree is compiled, which may have been parsed from such a text:
        then ``name`` is remembered if any name has been remembered already.
        """
        if isinstance(source, bytes):
            source = source.decode(errors="replace")
        if source is None:  # a syntax tree: it may have been parsed from such a text
            if self._tainted:
                self._tainted.add(name)
        elif isinstance(source, str) and not _is_file(name) and len(source) >= _SHORT:
            text = source.strip()
            if any(text in other or other in text for other in self._read()):
                self._tainted.add(name)

    def _read(self) -> list[str]:
        """Return the contents of the files below the first folder (the candidate's) as texts,
        without blanks at both ends. They are read at the first call only.

        The files are read in order of path; one that would bring the sum over _MOST bytes is left
        out. Texts of less than _SHORT characters are left out too.
        """
        if self._texts is None:
            self._texts, left = [], _MOST
            for path in sorted(Path(self._folders[0]).rglob("*")):
                if path.is_file() and path.stat().st_size <= left:
                    left -= path.stat().st_size
                    self._texts.append(path.read_bytes().decode(errors="replace").strip())
            self._texts = [text for text in self._texts if len(text) >= _SHORT]
        return self._texts

    def _started(self, program: Any, words: Any, folder: Any) -> str:
        """Return words for the report if ``program`` is started on the candidate's files outside of
        the sandbox; "" if not.

        It is started on them if its ``folder`` (None: the present one) is in the candidate's
        folders, or if ``program`` or one of its ``words`` names OURO_CANDIDATE, these folders or a
        file in them. It is not reported if its words are those that start the sandbox, or if it
        only reads files (_READERS).
        """
        given = [words] if isinstance(words, str | bytes) else [*(words or ())]
        texts = [os.fsdecode(text) for text in given]
        if self._is_confined(texts):
            return ""
        at = Path.cwd() / os.fsdecode(folder or "")
        if program:
            texts = [os.fsdecode(program), *texts]
        touched = self._inside(at) or any(
            "OURO_CANDIDATE" in text
            or any(one in text for one in self._folders)
            or self._inside(at / text)
            for text in texts
        )
        started = _name(texts[0]) if texts else ""
        if not touched or started in _READERS:
            return ""
        return f"started {started} on the candidate's files without OURO_CONFINE"

    def _is_confined(self, words: list[str]) -> bool:
        """Return whether the words that start the sandbox (``confine``) are among ``words``, one
        behind the other; False if there are none."""
        size = len(self._confine)
        places = range(len(words) - size + 1)
        return bool(size) and any(words[n : n + size] == self._confine for n in places)

    def _inside(self, path: object) -> bool:
        """Return whether a path, links resolved, is one of the folders or in one; False for "" and
        for values that cannot be a path."""
        if not isinstance(path, str | bytes | os.PathLike) or not path:
            return False
        try:
            text = os.path.realpath(os.fsdecode(path))
        except ValueError:  # it has a null character
            return False
        return any(text == one or text.startswith(one + os.sep) for one in self._folders)


def _name(path: Any) -> str:
    """Return the last part of a path of text or bytes, as text."""
    return Path(os.fsdecode(path)).name


def _is_file(name: object) -> bool:
    """Return whether the name of a source is an absolute path."""
    return str(name).startswith("/")


def _is_own_pickle() -> bool:
    """Return whether the caller that unpickles is multiprocessing or concurrent.futures, whose
    messages come from the evaluation's own processes."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__") in (__name__, "pickle"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")).startswith(_OWN_PICKLES)


def _place() -> str:
    """Return `` (FILE:LINE)`` of the innermost line of the evaluation's own code (files below the
    current folder) that is being executed; "" if there is none."""
    own = str(Path.cwd())
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(own):
            return f" ({_name(path)}:{frame.f_lineno})"
        frame = frame.f_back
    return ""


def start(words: list[str]) -> None:
    """Execute the evaluation under an `Observer`: a script or, after ``-m``, a module, as
    ``__main__``; raise what it raises.

    ``words`` are the descriptor of the supervisor's channel, then the words of the evaluation. The
    candidate's folder and the words of the sandbox are in OURO_CANDIDATE and OURO_CONFINE.
    """
    fd, first, *rest = words
    channel = Channel(int(fd))
    channel.close_on_exec()
    sys.excepthook = _print_exception
    folders = [os.environ["OURO_CANDIDATE"]]
    observer = Observer(channel, folders, shlex.split(os.environ["OURO_CONFINE"]))
    safe = sys.flags.isolated or getattr(sys.flags, "safe_path", False)
    if first == "-m":
        sys.argv = rest
        sys.path[:0] = [] if safe else [os.getcwd()]  # noqa: PTH109
        sys.addaudithook(observer)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        path = os.path.realpath(first)
        sys.argv = [first, *rest]
        sys.path[:0] = [] if safe else [os.path.dirname(path)]  # noqa: PTH120
        sys.addaudithook(observer)
        runpy.run_path(path, run_name="__main__")


def _print_exception(kind: Any, error: Any, at: Any) -> None:
    """Print an exception of the evaluation and its traceback (``at``), without the leading frames
    of this package and of runpy, so that it looks as without the observer. If it has no other
    frames, all are printed."""
    ours = (os.path.dirname(os.path.dirname(__file__)), "<frozen")  # noqa: PTH120
    first = at
    while first is not None and first.tb_frame.f_code.co_filename.startswith(ours):
        first = first.tb_next
    traceback.print_exception(kind, error, first or at)
