"""The program of every child process: load this folder as a package with a private name, and start
the module that the first argument names (``launcher``, ``judge``, ``probe`` or
``evaluation.…``)."""

import importlib
import importlib.util
import sys
from pathlib import Path

_NAME = "_pytest_ouro_child"
_FOLDER = Path(__file__).resolve().parent


def main(role: str, given: "int | list[str]") -> None:
    """Load this folder as a package, take the folder off ``sys.path``, and call ``start(given)`` of
    its module ``role``. ``given`` is the descriptor of a socket to the supervisor; for a module of
    ``evaluation`` it is a list of words."""
    spec = importlib.util.spec_from_file_location(
        _NAME, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)
    sys.path.pop(0)  # this folder: the experiment must not import its modules
    importlib.import_module(f"{_NAME}.{role}").start(given)


if __name__ == "__main__":
    words = sys.argv[2:]
    main(sys.argv[1], words if sys.argv[1].startswith("evaluation.") else int(words[0]))
