"""An MCP server on standard input and output with one tool, ``put``, which writes a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_TEXT = {"type": "string"}
_TOOL = {
    "name": "put",
    "description": "Put a text into a file",
    "inputSchema": {
        "type": "object",
        "properties": {"path": _TEXT, "content": _TEXT},
        "required": ["path", "content"],
    },
}


def result(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a request; an empty one for what has none."""
    if method == "initialize":
        return {
            "protocolVersion": given["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "files", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [_TOOL]}
    if method == "tools/call":
        Path(given["arguments"]["path"]).write_text(given["arguments"]["content"], "utf-8")
        return {"content": [{"type": "text", "text": "written"}]}
    return {}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        found = result(request["method"], request.get("params", {}))
        answer = {"jsonrpc": "2.0", "id": request["id"], "result": found}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
