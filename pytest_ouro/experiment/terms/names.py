"""Names, paths and small functions that several parts of an experiment use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from pytest_ouro.engine import Case

#: The log of a run, in the experiment's root.
LOG = "run.log"
#: The prefix of the name of an installed package among the validation files.
PACKAGE = "package:"
#: The names that a harness must define for the judge, beside its metric function.
INTERFACE = ("Tokenizer", "get_token_bytes")


def trusted_source(case: Case, path: str) -> str:
    """Return a trusted file as Latin-1 text for JSON; ExperimentError if trust has no such file."""
    source = case.trust.read(case.bound.path(path))
    if source is None:
        raise messages.not_trusted(case.bound.path(path))
    return source.decode("latin-1")
