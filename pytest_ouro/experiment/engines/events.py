"""What travels between the process that records and its workers: lines of JSON.

A worker gets a `Request` for each attempt. It sends events, and waits after `Began` until it gets
an `Answer`: no process of a candidate exists before its start is on record.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast, get_type_hints

from pytest_ouro.core.fast_dataclass import dataclass, fields
from pytest_ouro.experiment.terms.turns import Turn

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.run_facts import Purpose


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message about one attempt, which has the id ``attempt``; "" if it is about the worker."""

    kind: ClassVar[str] = ""
    attempt: str = ""

    def line(self) -> bytes:
        """Return the message as a line of JSON, with its end; bytes are in base64."""
        return json.dumps(_plain(self)).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class Request(Message):
    """What to measure, and how.

    ``commit`` is the candidate, ``head`` the commit whose files lie in the working tree, and
    ``trust`` the trusted commit; ``named``: an option or setting names it, otherwise bound.lock
    does. ``bound`` is the path of bound.toml from the repository's top. ``base`` is the path, on
    the worker's machine, of the bundle of all commits that candidates have in common, and
    ``base_digest`` its sha256; ``bundle`` and ``digest`` are those of the candidate itself.
    ``salt``, ``purpose``, ``plan``, ``series``, ``repeat`` and ``repeats`` are those of its
    ``turn``, with "" or 0 in place of None. ``device`` and ``budget``, in seconds, replace the
    bound's unless they are "" and 0. ``venv`` is the folder of the project's environment, "" for
    none. ``hidden`` are the paths of the repository that the candidates come from, which a sandbox
    hides. ``version`` is that of pytest-ouro.
    """

    kind: ClassVar[str] = "request"
    commit: str
    head: str
    trust: str
    named: bool
    bound: str
    base: str
    base_digest: str
    bundle: bytes
    digest: str
    version: str
    salt: int = 0
    purpose: str = "search"
    plan: str = ""
    series: str = ""
    repeat: int = 0
    repeats: int = 0
    device: str = ""
    budget: float = 0.0
    venv: str = ""
    hidden: tuple[str, ...] = ()

    @property
    def turn(self) -> Turn:
        """The turn of the run."""
        return Turn(
            self.repeat or None,
            self.repeats or None,
            self.series or None,
            self.salt,
            cast("Purpose", self.purpose),
            self.plan or None,
        )


@dataclass(frozen=True, kw_only=True)
class Answer(Message):
    """The answer to `Began`: go on, or with ``refusal`` and its ``help`` do not."""

    kind: ClassVar[str] = "answer"
    refusal: str = ""
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Beat(Message):
    """The worker lives."""

    kind: ClassVar[str] = "beat"


@dataclass(frozen=True, kw_only=True)
class Said(Message):
    """A line about the course of an attempt."""

    kind: ClassVar[str] = "said"
    text: str


@dataclass(frozen=True, kw_only=True)
class Began(Message):
    """A run is about to start: ``record`` is its started line as the worker would write it."""

    kind: ClassVar[str] = "began"
    record: bytes


@dataclass(frozen=True, kw_only=True)
class Progressed(Message):
    """How far a run is: the attributes of `Position`, with -1 for a window that has not begun."""

    kind: ClassVar[str] = "progressed"
    window: float
    budget: float
    wall: float
    text: str = ""
    ended: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended(Message):
    """A run has ended. ``record`` is its finished line as the worker would write it, ``rows`` and
    ``vault`` are the files of its losses by row, ``log`` is its log, compressed by zlib, and
    ``tail`` the last lines of its output after a crash."""

    kind: ClassVar[str] = "ended"
    record: bytes
    rows: bytes = b""
    vault: bytes = b""
    log: bytes = b""
    tail: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refused(Message):
    """Nothing was run, for a reason that another try would meet again: ``text`` and ``help`` are
    those of an error."""

    kind: ClassVar[str] = "refused"
    text: str
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Lost(Message):
    """The worker is gone, or does not answer any more; ``why`` is a clause. An engine makes this
    event itself."""

    kind: ClassVar[str] = "lost"
    why: str


#: What a worker, or an engine for it, tells about an attempt.
Event: TypeAlias = "Beat | Said | Began | Progressed | Ended | Refused | Lost"
_KINDS: dict[str, type[Message]] = {
    cls.kind: cls for cls in (Request, Answer, Beat, Said, Began, Progressed, Ended, Refused, Lost)
}
_HINTS: dict[type, dict[str, Any]] = {}


def add_kind(cls: type[Message]) -> None:
    """Let `read` know a class of messages that an engine uses beside these."""
    _KINDS[cls.kind] = cls


def read(line: bytes) -> Message:
    """Return the message in a line. Raise ValueError if it is not one."""
    try:
        return _message(json.loads(line))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not a message: {error}") from None


def _message(table: dict[str, Any]) -> Message:
    """Return the message in a table of JSON, from which the key ``kind`` is taken out. Raise
    LookupError, TypeError, AttributeError or ValueError if it is not one."""
    cls = _KINDS[table.pop("kind")]
    hints = _HINTS.get(cls) or _HINTS.setdefault(cls, get_type_hints(cls))
    values = {name: _typed(value, hints[name]) for name, value in table.items()}
    return cls(**values)  # type: ignore[arg-type]


def _plain(value: object) -> object:
    """Return a message, or the value of one of its attributes, as JSON has it."""
    if isinstance(value, Message):
        table = {one.name: _plain(getattr(value, one.name)) for one in fields(type(value))}
        return {"kind": value.kind, **table}
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value


def _typed(value: Any, wanted: Any) -> object:
    """Return a value of JSON as the type of its attribute asks for; the items of a list become
    text. Raise ValueError or TypeError if it does not fit."""
    if wanted is bytes:
        return base64.b64decode(value, validate=True)
    if wanted == tuple[str, ...]:
        return tuple(str(one) for one in value)
    if issubclass(wanted, Message):
        value = _message(value)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise ValueError(f"{value!r:.50} is not of the type {wanted.__name__}")
    return value
