"""The starter: a small process that forks the process of each command of a session.

A fork of pytest's own process would copy a memory that is many times larger. It imports little, and
nothing of the experiment runs in it.
"""

from __future__ import annotations

import _socket
import marshal
import os
import struct

from . import subreaper, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypeAlias

    #: A command to start, its folder, its environment variables and the cores that it may use.
    Request: TypeAlias = tuple[list[str], str, dict[str, str], list[int]]

#: The largest request in bytes; a longer one cannot be sent.
LONGEST = 1 << 18
#: The descriptors of a request: the channel to the supervisor, the command's output, and where it
#: is reported that the command cannot be started.
_DESCRIPTORS = 3


def serve(fd: int) -> None:
    """Start a process for each request over the socket ``fd``, and answer with its id, then with a
    byte when it has become a child of the supervisor; end when the supervisor closes the socket.

    The process leads a session of its own, waits for the command and exits like it, as
    `subreaper.fork_supervised` says. An error number that keeps the command from being started is
    written to the third descriptor of the request.
    """
    system.set_dumpable(False)  # of the forks neither, until one becomes the command
    requests = _socket.socket(fileno=fd)
    room = _socket.CMSG_SPACE(_DESCRIPTORS * struct.calcsize("i"))
    while True:
        data, ancillary, *_ = requests.recvmsg(LONGEST, room)
        given = b"".join(received for _, _, received in ancillary)
        fds = struct.unpack(f"{len(given) // struct.calcsize('i')}i", given)
        if not data:
            return
        middle = os.fork()
        if not middle:
            child = os.fork()
            if not child:
                requests.close()
                _become(marshal.loads(data), *fds)
            requests.send(b"%d" % child)
            os._exit(0)
        for one in fds:
            os.close(one)
        os.waitpid(middle, 0)  # its child is the supervisor's then, the nearest subreaper
        requests.send(b".")


def _become(request: Request, channel: int, output: int, failed: int) -> NoReturn:
    """Fork a child that becomes the command of ``request``, wait for it and exit like it; return
    never.

    ``channel`` is the descriptor of a socket whose other end closes when the supervisor ends,
    ``output`` that of a pipe for the command's output. An error number is written to the descriptor
    ``failed`` if the command cannot be started.
    """
    os.setsid()
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.set_inheritable(failed, False)
    try:
        # Each page that is written after a fork is copied: only the last steps come after it.
        command, folder, env, cores = request
        system.confine_to(cores)
        os.chdir(folder)
        subreaper.restore_signals()
        subreaper.fork_supervised(channel, lent=failed)
        os.close(channel)
        os.execvpe(command[0], command, env)
    except OSError as error:
        os.write(failed, b"%d" % (error.errno or 1))
    finally:
        os._exit(1)
