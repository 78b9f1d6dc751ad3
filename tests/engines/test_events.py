"""Messages between the process that records and its workers."""

import json

import pytest

from pytest_ouro.core.fast_dataclass import fields
from pytest_ouro.experiment.engines import events

REQUEST = {
    "attempt": "a1",
    "commit": "c" * 40,
    "head": "d" * 40,
    "trust": "e" * 40,
    "named": True,
    "bound": "bound.toml",
    "base": "/base",
    "base_digest": "f" * 64,
    "bundle": b"\0\xff",
    "digest": "0" * 64,
    "version": "1",
}
MESSAGES = [
    events.Request(**REQUEST),
    events.Answer(attempt="a1", refusal="no", help="do"),
    events.Beat(),
    events.Said(attempt="a1", text="ouro: ä\n"),
    events.Began(attempt="a1", record=b"{}"),
    events.Progressed(attempt="a1", window=-1.0, budget=20, wall=0.5, text="x", ended=True),
    events.Ended(attempt="a1", record=b"{}", rows=b"\x01", log=b"\x02", tail=("a", "b")),
    events.Refused(attempt="a1", text="no", help="do"),
    events.Lost(attempt="a1", why="gone"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one.kind)
def test_a_message_arrives_as_it_was_sent(message):
    line = message.line()

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    arrived = events.read(line)
    assert type(arrived) is type(message)
    for one in fields(type(message)):
        assert getattr(arrived, one.name) == getattr(message, one.name)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Traceback (most recent call last):",
        b"[]",
        b'{"kind": "gone"}',
        b'{"kind": "said"}',
        b'{"kind": "said", "text": 3}',
        b'{"kind": "said", "text": "a", "more": 1}',
        b'{"kind": "began", "record": "%%%"}',
        b'{"kind": "ended", "record": "e30=", "tail": 3}',
        b'{"kind": "progressed", "window": "1", "budget": 1, "wall": 1}',
        json.dumps({"kind": "request", **REQUEST, "bundle": "", "named": 1}).encode(),
    ],
)
def test_what_is_not_a_message_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        events.read(line)
