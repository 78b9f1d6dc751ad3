"""``pytest-ouro guard``: refuse an agent's tool call that a rule forbids, before it runs.

The guard helps an honest agent and does not stop a dishonest one: the gate checks what was done. It
starts before every edit and every command, so it imports only what the answer needs: no `re`,
`json`, `pathlib` or `subprocess`, each of which costs about as much as the interpreter's own start.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pytest_ouro.guard.hosts import Call

#: A longer tool call is refused.
MAX_BYTES = 16 << 20
#: What a refusal without a decision says first; another text after a call.
subject = "this call could not be judged, so it is refused"
#: A call that is not judged by then is refused, before an agent (after 60 seconds) goes on without.
SECONDS = 45


class Unreadable(Exception):
    """Raised for a tool call, or a cached table of rules, that cannot be understood. The message is
    for the agent."""


def main() -> int:
    """Read the tool call on standard input, answer it, and return the exit status: 0, with no
    output, if no rule forbids the call and, after a call, the gate finds nothing; otherwise 2.

    A refusal is written in words on standard error and in the agent's form on standard output. Both
    are needed, since a start file of the shell that prints a line makes standard output unreadable.
    What the gate finds after a call is written on standard error and, for Gemini alone, on standard
    output too. If the guard cannot decide, or takes more than `SECONDS`, it writes to standard
    error alone; after `SECONDS` the process ends. The status is never 1, and no traceback is
    printed: agents treat a failing hook as approval.
    """
    handler: object = None
    try:
        handler = _set_alarm(SECONDS, _give_up)
        return _answer()
    except BaseException as error:
        return _refuse(error)
    finally:
        _set_alarm(0, handler)


def _set_alarm(seconds: int, handler: object) -> object:
    """Set an alarm that goes off after so many seconds, or cancel it with 0, and let it call
    ``handler``. Return the handler that was set before. With ``handler`` None the alarm is set or
    cancelled too, but the present handler stays in place, and None is returned."""
    try:
        import _signal as signal  # type: ignore[import-not-found]  # `signal` imports `enum`
    except ImportError:  # not CPython
        import signal
    signal.alarm(seconds)
    return signal.signal(signal.SIGALRM, handler) if handler is not None else None


def _give_up(number: int, frame: object) -> None:
    """End the process with status 2 and a refusal on standard error: the guard took too long."""
    os._exit(_refuse(TimeoutError(f"it took more than {SECONDS} seconds")))


def _refuse(error: BaseException) -> int:
    """Write to standard error that the guard cannot decide on the call, with the text of ``error``
    (its class if it has none), and return 2, which every agent treats as a refusal. A failure to
    write is ignored."""
    lines = (str(error).strip() or type(error).__name__).split("\n")
    words = "\n".join(map(escape, lines))
    text = (
        f"pytest-ouro guard: {subject}: {words}\n"
        "Do not retry it; tell the person who runs this session.\n"
    )
    try:
        os.write(2, text.encode(errors="backslashreplace"))
    except OSError:
        pass
    return 2


def escape(line: str) -> str:
    """Return a line in which every character that is not printable, line ends too, is an escape
    such as ``\\x1b``, since the names of files that it quotes may contain such characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _answer() -> int:
    """Read the call, and write what the agent is to read: a refusal before the call, what the gate
    finds after it. Return the exit status: 0 if there is nothing to write, else 2.

    Unreadable or RecursionError if the call cannot be understood; OuroError or OSError if standard
    input, the rules or git cannot be read, or the text cannot be written.
    """
    from pytest_ouro.guard import hosts

    call = hosts.read(loads(_input()))
    text = answer(call)
    if not text:
        return 0
    _write(2, text + "\n")
    if not call.is_after or call.host == "gemini":  # the others read standard error alone then
        _write(1, hosts.refusal(call, text))
    return 2


def answer(call: Call) -> str:
    """Return what the agent is to read about a call: why it is refused, or what the gate finds
    after it; "" if nothing. Errors as of `reason` and `after.finding`."""
    if call.is_after:
        from pytest_ouro.guard import after

        return after.finding(call)
    return reason(call) if call.effects else ""


def reason(call: Call) -> str:
    """Return why a rule forbids one of the call's effects, the first that is found; "" if no rule
    does. OuroError or OSError if the rules that apply cannot be read, or git, which some effects
    need, cannot be started."""
    from pytest_ouro.guard import protected

    for bound in protected.bounds(call):
        protections = protected.load(bound)
        for effect in call.effects:
            if text := protections.refusal(effect):
                return text
    return ""


def _input() -> str:
    """Read standard input to its end, and return it as text. Raise Unreadable if it has more than
    `MAX_BYTES` bytes, or is not UTF-8."""
    data = b""
    while len(data) <= MAX_BYTES:
        part = os.read(0, 1 << 16)
        if not part:
            break
        data += part
    if len(data) > MAX_BYTES:
        raise Unreadable(f"the tool call has more than {MAX_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Unreadable("the tool call is not UTF-8") from None


def _write(descriptor: int, text: str) -> None:
    """Write the whole text to a file descriptor, with what UTF-8 cannot hold as escapes. OSError if
    it cannot be written."""
    data = text.encode(errors="backslashreplace")
    while data:
        data = data[os.write(descriptor, data) :]


class _Json:
    """The attributes that the standard library's JSON scanner reads from its decoder."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def loads(text: str) -> Any:
    """Return the value of a JSON text. A byte order mark before it, NaN and Infinity are accepted,
    although JSON has none of them. Unreadable if the text is not valid JSON apart from these, or is
    nested too deeply."""
    text = text.strip("\ufeff \t\r\n")  # some programs write a byte order mark first
    try:
        try:
            from _json import make_scanner  # without `json`, which imports `re`
        except ImportError:  # not CPython
            import json

            return json.loads(text)
        value, end = make_scanner(_Json)(text, 0)  # type: ignore[arg-type]
    except StopIteration:
        raise Unreadable("not JSON: no value") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from None
    if end != len(text):
        raise Unreadable(f"not JSON: more text at character {end}")
    return value
