"""A model server on loopback that plays a script of tool calls, and a session of a program with it.

``python fake_model.py`` reads a `Session` as JSON from standard input, starts the server and the
program where only loopback exists (``unshare --net``), and writes a `Played` as JSON to standard
output. Standard library only.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PORT = 8080
#: The server's address. Each session has a network of its own, so that the port is free.
URL = f"http://127.0.0.1:{PORT}"
#: Seconds after which a program is killed: it hangs.
DEADLINE = 1800.0
#: How Codex CLI says that a command has not ended.
_RUNNING = re.compile(r"Process running with session ID (\d+)")
Body = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What the model answers: a call of ``tool`` with ``given`` (a text for a tool of free form);
    or, without a tool, the text ``given``, which ends the session. ``waits``: if the result says
    that the command still runs, the model waits for it, as Codex CLI demands of one."""

    tool: str
    given: dict[str, Any] | str
    namespace: str = ""
    waits: bool = False


@dataclass(frozen=True)
class Session:
    """A program's start: its command, environment and folder; and the model's steps."""

    command: list[str]
    env: dict[str, str]
    folder: str
    steps: list[Step]


@dataclass
class Played:
    """What a session showed: ``shown``, the result of each step's call as the model got it;
    ``prompt``, the first request as JSON; and the program's exit status and output."""

    shown: list[str] = field(default_factory=list)
    prompt: str = ""
    status: int = 0
    output: str = ""


class Anthropic:
    """The API ``/v1/messages``."""

    def offers_tools(self, body: Body) -> bool:
        return bool(body.get("tools"))

    def results(self, body: Body) -> Iterator[str]:
        """Yield the results of the conversation's calls."""
        for message in body.get("messages", []):
            content = message["content"]
            for part in content if isinstance(content, list) else []:
                if part["type"] == "tool_result":
                    yield flat(part.get("content"))

    def events(self, step: Step, number: int) -> Iterator[Body]:
        """Yield the events of the stream that answers with ``step``."""
        block: Body = {"type": "text", "text": ""}
        delta, stop = {"type": "text_delta", "text": step.given}, "end_turn"
        if step.tool:
            given = json.dumps(step.given)
            block = {"type": "tool_use", "id": f"toolu_{number}", "name": step.tool, "input": {}}
            delta, stop = {"type": "input_json_delta", "partial_json": given}, "tool_use"
        yield {
            "type": "message_start",
            "message": {
                "id": f"msg_{number}",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 10, "output_tokens": 1},
            },
        }
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        end = {"stop_reason": stop, "stop_sequence": None}
        yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 10}}
        yield {"type": "message_stop"}


class Responses:
    """OpenAI's API ``/responses``."""

    def offers_tools(self, body: Body) -> bool:
        return bool(body.get("tools")) or any(
            item.get("type") == "additional_tools" for item in body.get("input", [])
        )

    def results(self, body: Body) -> Iterator[str]:
        """Yield the results of the conversation's calls."""
        for item in body.get("input", []):
            if item.get("type", "").endswith("_output"):
                yield flat(item.get("output"))

    def events(self, step: Step, number: int) -> Iterator[Body]:
        """Yield the events of the stream that answers with ``step``."""
        item: Body = {"status": "completed", "id": f"item_{number}", "call_id": f"call_{number}"}
        if not step.tool:
            content: list[Body] = [{"type": "output_text", "text": step.given, "annotations": []}]
            item |= {"type": "message", "role": "assistant", "content": content}
        elif isinstance(step.given, str):
            item |= {"type": "custom_tool_call", "name": step.tool, "input": step.given}
        else:
            given = json.dumps(step.given)
            item |= {"type": "function_call", "name": step.tool, "arguments": given}
            item |= {"namespace": step.namespace} if step.namespace else {}
        response: Body = {"id": f"resp_{number}", "object": "response", "model": "m", "output": []}
        tokens = {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}
        done = {**response, "status": "completed", "output": [item], "usage": tokens}
        yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}
        yield {"type": "response.completed", "response": done}


class Gemini:
    """Gemini's API ``:streamGenerateContent``."""

    def offers_tools(self, body: Body) -> bool:
        return any(tool.get("functionDeclarations") for tool in body.get("tools", []))

    def results(self, body: Body) -> Iterator[str]:
        """Yield the results of the conversation's calls."""
        for content in body.get("contents", []):
            for part in content.get("parts", []):
                if "functionResponse" in part:
                    yield flat(part["functionResponse"].get("response"))

    def events(self, step: Step, number: int) -> Iterator[Body]:
        """Yield the one event of the stream that answers with ``step``."""
        part: Body = {"text": step.given}
        if step.tool:
            part = {"functionCall": {"name": step.tool, "args": step.given}}
        content = {"role": "model", "parts": [part]}
        tokens = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        yield {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": tokens,
            "modelVersion": "m",
        }


Api = Anthropic | Responses | Gemini
#: The APIs by the end of a request's path.
APIS: dict[str, Api] = {
    "/messages": Anthropic(),
    "/responses": Responses(),
    ":streamGenerateContent": Gemini(),
}


def flat(value: object) -> str:
    """Return all texts of a JSON value, joined by line ends."""
    if isinstance(value, dict):
        return "\n".join(map(flat, value.values()))
    if isinstance(value, list):
        return "\n".join(map(flat, value))
    return value if isinstance(value, str) else json.dumps(value)


class Model(ThreadingHTTPServer):
    """The server. A conversation with N results of calls gets step N, so that a request that a
    program repeats, or makes beside the conversation, does not shift the script."""

    daemon_threads = True

    def __init__(self, steps: list[Step]) -> None:
        super().__init__(("127.0.0.1", PORT), Handler)
        self.steps = steps
        self.played = Played()
        self._lock = threading.Lock()
        self._number = 0

    def answer(self, api: Api, body: Body) -> Iterable[Body]:
        """Return the events that answer a request."""
        with self._lock:
            self._number += 1
            if not api.offers_tools(body):
                return list(api.events(Step("", "{}"), self._number))
            shown, wait = self._shown(api.results(body))
            if len(shown) >= len(self.played.shown):
                self.played.shown = shown
            self.played.prompt = self.played.prompt or json.dumps(body)
            next_step = self.steps[len(shown)] if len(shown) < len(self.steps) else Step("", "done")
            return list(api.events(wait or next_step, self._number))

    def _shown(self, results: Iterable[str]) -> tuple[list[str], Step | None]:
        """Return the results by the steps of the script, those of one that was waited for joined;
        and the step that waits for the last, None if it has ended."""
        shown: list[str] = []
        wait = None
        for result in results:
            if wait is None:
                shown.append(result)
            else:
                shown[-1] += result
            running = _RUNNING.search(result)
            wait = None
            if running and self.steps[len(shown) - 1].waits:
                waiting = {"session_id": int(running[1]), "chars": "", "yield_time_ms": 30_000}
                wait = Step("write_stdin", waiting)
            elif running and isinstance(given := self.steps[len(shown)].given, dict):
                given["session_id"] = int(running[1])  # the next step writes into what runs
        return shown, wait


class Handler(BaseHTTPRequestHandler):
    """Answers the three APIs; whatever else a program asks for is not found."""

    protocol_version = "HTTP/1.1"
    server: Model

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._send('{"data": [], "models": []}' if "models" in self.path else "{}")

    def do_HEAD(self) -> None:
        self._send("")

    def do_POST(self) -> None:
        body = json.loads(self._read() or b"null")
        path = self.path.partition("?")[0]
        api = next((api for end, api in APIS.items() if path.endswith(end)), None)
        if api is not None:
            events = self.server.answer(api, body)
            named = "" if isinstance(api, Gemini) else "event: {type}\n"
            text = "".join(
                f"{named.format(**event)}data: {json.dumps(event)}\n\n" for event in events
            )
            self._send(text, kind="text/event-stream")
        elif "count" in path.lower():  # the number of tokens
            self._send('{"input_tokens": 100, "totalTokens": 100}')
        else:
            self._send("{}", status=404)

    def _read(self) -> bytes:
        """Return the request's body."""
        if "chunked" in self.headers.get("transfer-encoding", ""):
            data = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
        return gzip.decompress(data) if self.headers.get("content-encoding") == "gzip" else data

    def _send(self, text: str, status: int = 200, kind: str = "application/json") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def start_loopback() -> None:
    """Set the network's loopback up, as ``ip link set lo up`` does. OSError outside of a network
    of our own."""
    up = struct.pack("16sh14x", b"lo", 0x49)  # IFF_UP, IFF_LOOPBACK and IFF_RUNNING
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


def play(session: Session) -> Played:
    """Run the program against the script, and return what it showed."""
    start_loopback()
    with Model(session.steps) as model:
        threading.Thread(target=model.serve_forever, daemon=True).start()
        try:
            done = subprocess.run(
                session.command, cwd=session.folder, env=session.env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE, check=False,
            )  # fmt: skip
            model.played.status, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as error:
            model.played.status, output = -1, error.stdout or b""
        model.played.output = output.decode(errors="replace")
        model.shutdown()
    return model.played


def main() -> None:
    """Play the session that standard input describes."""
    given = json.load(sys.stdin)
    session = Session(**{**given, "steps": [Step(**step) for step in given["steps"]]})
    os.write(1, json.dumps(asdict(play(session))).encode())


if __name__ == "__main__":
    main()
