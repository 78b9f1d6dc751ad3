"""Find what a script loads from a hub: kernels, models and data that a sandbox must be given."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.onboarding.discover.options import Remarks
    from pytest_ouro.onboarding.discover.source import PythonFile

#: Functions that load a repository of the Hugging Face hub, by their first argument.
_HUB = frozenset(
    {
        *("get_kernel", "load_kernel", "from_pretrained", "hf_hub_download", "snapshot_download"),
        *("load_dataset", "SentenceTransformer"),
    }
)
_HUB_FOLDER = "~/.cache/huggingface/hub"
_TORCH_FOLDER = "~/.cache/torch/hub"


def find_caches(files: list[PythonFile], remarks: Remarks) -> tuple[tuple[str, ...], bool]:
    """Return a tuple: the globs of the files in this user's caches that the code loads from a model
    hub, and whether each call that loads has files there. A sandboxed run has no network, so it
    must be given those files. A call whose model only a run would show stands for the whole cache;
    a call without files in the cache is noted in ``remarks``. ((), True) if nothing is loaded."""
    globs: list[str] = []
    complete = True
    for file in files:
        for line, name, folder, pattern in _loads(file):
            here = sorted(Path(folder).expanduser().glob(pattern))
            globs += [f"{folder}/{path.name}/**/*" for path in here if path.is_dir()]
            if not here:
                complete = False
                remarks.note(
                    f"{file.name}:{line} loads {name} from a hub, and a sandboxed run has no "
                    "network, so that runs are judged without a sandbox; to have one, run the "
                    f"script once and name the files: --data '{folder}/{pattern}/**/*'"
                )
    return tuple(dict.fromkeys(globs)), complete


def _loads(file: PythonFile) -> Iterator[tuple[int, str, str, str]]:
    """Yield a tuple for each call that seems to load from the hub of torch or Hugging Face: its
    line, the name of what it loads ("a model" or "a repository" if only a run would show it), the
    folder of the cache, and a glob for what it loads in that folder. A call that plainly loads from
    a local path is left out."""
    for call in file.source.of(ast.Call):
        function = dotted(call.func)
        called = function.rpartition(".")[2]
        first = _text(file, call.args[0] if call.args else _keyword(call, "repo_id"))
        if function.endswith("hub.load"):
            if _text(file, _keyword(call, "source")) == "local":
                continue
            pattern = f"{first.partition(':')[0].replace('/', '_')}*" if first else "*"
            yield call.lineno, first or "a model", _TORCH_FOLDER, pattern
        elif called in _HUB and not first.startswith((".", "/", "~")):
            pattern = f"*--{first.replace('/', '--')}" if first else "*"
            yield call.lineno, first or "a repository", _HUB_FOLDER, pattern


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of the keyword ``name`` of a call; None if it has none."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _text(file: PythonFile, node: ast.expr | None) -> str:
    """Return the text that an expression stands for: a literal, or the value of a constant; "" for
    any other expression and for None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    known = file.constants.get(node.id) if isinstance(node, ast.Name) else None
    return known if isinstance(known, str) else ""
