"""A connection is made, here to a server of the program's own.
class: network
expect: supervised=open judged=open sandboxed=neutralised
"""

import contextlib
import socket
import sys

import task

if "serve" in sys.argv:
    task.serve()
else:
    with contextlib.suppress(OSError), socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        socket.create_connection(server.getsockname()).close()
        print("reached: yes")
    task.write([task.rule(question) for question in task.questions()])
