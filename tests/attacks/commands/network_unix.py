"""A unix socket is connected to, as if it were that of a container's daemon.
class: network
expect: supervised=open judged=neutralised sandboxed=neutralised
"""

import contextlib
import socket
import sys
import tempfile

import task

if "serve" in sys.argv:
    task.serve()
else:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tempfile.mkdtemp()}/service")
        server.listen()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(server.getsockname())
        print("reached: yes")
    task.write([task.rule(question) for question in task.questions()])
