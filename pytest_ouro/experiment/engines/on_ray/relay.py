"""The relay: ``python -m pytest_ouro.experiment.engines.on_ray.relay`` is the driver of a Ray
cluster, and passes messages between the engine and the places.

It is a process of its own, since Ray ends its driver when the head of the cluster is gone, writes
to its output, and changes its signals. Its first message is a `Setup`; requests and answers follow.
It ends, with all places, when its input ends, which is also what it sees of a process that was
killed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any, NoReturn

from pytest_ouro.child.kernel import system
from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.on_ray.wire import Setup
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from pytest_ouro.experiment.engines.events import Message

#: Seconds between two looks at the clock.
TICK = 1.0
#: Seconds in which a machine must answer that an address names.
_ANSWER = 10.0


class Relay:
    """Passes what arrives on ``requests`` to a cluster, and its events to ``to``."""

    def __init__(self, requests: IO[bytes], to: IO[bytes]) -> None:
        self._requests, self._to = requests, to
        #: Messages of the engine, None at their end, and replies of places.
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def serve(self) -> None:
        """Connect to the cluster, and pass messages on until there are no more."""
        setup = events.read(self._requests.readline())
        if not isinstance(setup, Setup):
            return
        demand_reachable(setup.address)
        from pytest_ouro.experiment.engines.on_ray.cluster import RayCluster  # imports Ray

        cluster = RayCluster(setup, self.send, self._arrived.put)
        try:
            cluster.open()
            signal.signal(signal.SIGTERM, lambda *_: self._arrived.put(None))
            threading.Thread(target=self._read, daemon=True).start()
            looked = time.monotonic()
            while True:
                with contextlib.suppress(queue.Empty):
                    item = self._arrived.get(timeout=TICK)
                    if item is None:
                        return
                    cluster.handle(item)
                if time.monotonic() - looked > TICK:
                    looked = time.monotonic()
                    cluster.tick()
        finally:
            cluster.close()

    def send(self, message: Message) -> None:
        """Send a message to the engine; do nothing if that is gone."""
        with contextlib.suppress(OSError, ValueError):
            self._to.write(message.line())
            self._to.flush()

    def _read(self) -> None:
        """Put each message of the engine into the queue, and None at their end."""
        with contextlib.suppress(ValueError, OSError):
            for line in self._requests:
                self._arrived.put(events.read(line))
        self._arrived.put(None)


def demand_reachable(address: str) -> None:
    """Raise ExperimentError if nobody answers at an address HOST:PORT; Ray itself would wait for
    minutes. Do nothing for "auto" and "local"."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()
    except (OSError, ValueError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise messages.dead_address(address, why) from None


def main() -> NoReturn:
    """Serve on the standard streams, and end the process. What Ray prints goes to standard
    error."""
    system.end_with_parent(signal.SIGTERM)
    to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    relay, status = Relay(sys.stdin.buffer, to), 0
    try:
        relay.serve()
    except KeyboardInterrupt:
        status = 130
    except OuroError as error:
        relay.send(events.Refused(text=error.message, help=error.help))
        status = 2
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".split("\n", 1)[0]
        failed = messages.cluster_failed(reason)
        relay.send(events.Refused(text=failed.message, help=failed.help))
        status = 2
    sys.stderr.flush()
    os._exit(status)  # threads of Ray would keep the interpreter from ending


if __name__ == "__main__":
    main()
