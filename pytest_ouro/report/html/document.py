"""Make one HTML file that needs nothing else: no address, no font, and a policy for browsers that
forbids all but its own style sheet and its own script."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def make_document(title: str, parts: Iterable[str], *, style: str, script: str = "") -> str:
    """Return a whole file with the ``parts`` of its body. Title and parts must be HTML already. The
    policy allows the style sheet and the script ("": none), by their hashes, and nothing else."""
    policy = make_policy(style=style, script=script)
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="referrer" content="no-referrer">',
            '<meta name="viewport" content="width=device-width">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title}</title>",
            f"<style>{style}</style>\n</head>\n<body>",
            *parts,
            *([f"<script>{script}</script>"] if script else []),
            "</body>\n</html>\n",
        ]
    )


def make_policy(*, style: str, script: str = "") -> str:
    """Return the policy for browsers that allows this style sheet and this script ("": none), and
    nothing else."""
    allowed = f"script-src '{_digest(script)}'; " if script else ""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; {allowed}"
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    """Return the source expression, without its quotes, by which a policy allows an element with
    this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
