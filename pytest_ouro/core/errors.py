"""The errors of everything that could not be done. A broken rule is a finding, not an error."""

from __future__ import annotations


class OuroError(Exception):
    """An error for the user: ``message`` says what is wrong, and ``help`` what to do about it (""
    if nothing). Its text is the message, with the help on a line of its own."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        """Return the message, and the help on a second line if there is one."""
        return f"{self.message}\n  help: {self.help}" if self.help else self.message


class AmbiguousError(OuroError):
    """A fact of a project has several candidates: a person names one of them."""


class LimitError(OuroError):
    """Input is larger than its limit in `limits`, so that it is not read and no rule is applied to
    it."""


class GitError(OuroError):
    """Git is missing or fails, there is no repository, or an object cannot be read."""


class TrustError(OuroError):
    """The trust is missing, was altered, is named wrongly, or does not allow what was asked."""


class NoRulesError(TrustError):
    """The trusted commit has no bound.toml: there are no rules yet."""


class BoundError(OuroError):
    """bound.toml, or a check for it, cannot be used. ``problems`` holds the faults that were found,
    as a rule each as ``file:line: text``; the message is all of them, one on a line."""

    def __init__(self, problems: tuple[str, ...], *, help: str = "") -> None:
        super().__init__("\n".join(problems), help=help)
        self.problems = problems


class RecordError(OuroError):
    """The journal or the ledger cannot be read or written, or is not what was recorded."""


class ExperimentError(OuroError):
    """An experiment cannot be started; nothing was measured."""
