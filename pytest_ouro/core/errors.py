"""The errors for the user: something could not be done. A broken rule is a finding, not an
error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class OuroError(Exception):
    """The base class of this package's errors, written for the user. ``message`` says what is
    wrong, ``help`` what to do about it ("" if there is nothing to say); as text, the help is on a
    line of its own."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        """Return the message and, if there is a help, a further, indented line ``help: HELP``."""
        return f"{self.message}\n  help: {self.help}" if self.help else self.message


class AmbiguousError(OuroError):
    """Several files, branches, columns or the like fit where a project must have exactly one, so
    that the user must name the one that is meant."""


class LimitError(OuroError):
    """Input is larger than a limit allows, such as those in `limits`, so that it is not judged."""


class GitError(OuroError):
    """Git is missing or fails, there is no repository, or an object is missing or damaged."""


class TrustError(OuroError):
    """The trust (the commit or bound.lock that rules and frozen files are compared with) is
    missing, altered or wrongly named, or does not allow what was asked for."""


class NoRulesError(TrustError):
    """The trusted commit has no bound.toml, so that there are no rules yet."""


class BoundError(OuroError):
    """A bound.toml cannot be used, or a check (the program that judges a rule) that one of its
    rules names. ``problems`` are the faults, usually as ``file:line: text``; the message has one on
    each line."""

    def __init__(self, problems: tuple[str, ...], *, help: str = "") -> None:
        super().__init__("\n".join(problems), help=help)
        self.problems = problems


class RecordError(OuroError):
    """A record of runs cannot be read or written: the journal, which only the supervisor writes, or
    the ledger, a table that may be written by hand. Or the journal was altered."""


class ExperimentError(OuroError):
    """An experiment, or what follows from experiments (a series of repeats, a certificate, a
    finalized branch), cannot be carried out or continued as it was asked for."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the one of ``names`` most similar to ``name``; "" if none
    is similar enough."""
    import difflib

    match = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else ""
