"""Errors of `pytest-ouro init`: facts of the project, its stated rules, and the files it writes."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import AmbiguousError, BoundError, OuroError

if TYPE_CHECKING:
    from pathlib import Path

_BULLETS = "write each rule as a bullet under one of the headings DANGER ZONES, NEVER DO, IRON LAWS"


def no_such_file(name: str, folder: Path, option: str) -> OuroError:
    """A file that an option names, or a module that is to be read, does not exist in ``folder``.
    ``option`` is how to name another, such as "--from FILE"."""
    return OuroError(f"there is no file {name} in {folder}", help=f"name another file: {option}")


def not_python(name: str, words: str) -> OuroError:
    """The script, the harness or a module that the script imports cannot be parsed as Python."""
    return OuroError(
        f"{name} cannot be read as Python: {words}",
        help="fix the syntax, or name another file: --script SCRIPT, --harness HARNESS",
    )


def nothing_found(what: str, where: str, call: str) -> OuroError:
    """The project has no candidate for a fact of the experiment that ``init`` must know. ``what``
    names the fact, ``where`` the place that was searched; ``call`` is the command of ``init`` that
    gives it."""
    return OuroError(f"no {what} was found in {where}", help=f"name it: {call}")


def no_printed_metric(command: str, call: str) -> OuroError:
    """Nothing says under which name a command prints its metric. ``call`` is the command that names
    it."""
    return OuroError(
        f"no printed metric was found in {command}",
        help=f"name it: {call}; where it is not printed as NAME: 1.5, add --metric-from, such as "
        "json:KEY or 'regex:mean of ([0-9.]+)'",
    )


def several_found(what: str, where: str, names: list[str], call: str) -> OuroError:
    """A fact of the experiment that ``init`` must know has several candidates, ``names``. ``what``
    names the fact, ``where`` the place that was searched; ``call`` is the command of ``init`` that
    chooses one: the first, or NAME as a placeholder."""
    return AmbiguousError(
        f"{where} has several candidates for the {what}: {', '.join(names)}",
        help=f"name one of them: {call}",
    )


def several_values(file: str, function: str) -> OuroError:
    """The script takes several numbers from the result of the evaluation (``function`` in the
    harness ``file``), and nothing says which of them is the metric."""
    return OuroError(
        f"{file}: {function} returns several numbers, and nothing names the metric among them",
        help="let it return a dictionary with the metric's name among its keys",
    )


def no_words(text: str, words: str) -> OuroError:
    """The text of a command is empty, or cannot be split into words as a shell would; ``words``
    says which."""
    return OuroError(
        f"the command {text!r} has no words: {words}",
        help="pytest-ouro init --command 'PROGRAM ARGUMENT …'",
    )


def lacks_arguments(words: str, options: list[str], call: str) -> OuroError:
    """Commands that may run the experiment were found, and each lacks options that its program
    demands. ``words`` is the first command, ``options`` what it lacks; ``call`` is the command of
    ``init`` with them."""
    return OuroError(
        f"{words} demands {' and '.join(options)}, and nothing says with which value",
        help=f"name the whole command, with a value for each …: {call}",
    )


def no_editable(names: list[str], call: str) -> OuroError:
    """Nothing says which files an experiment may change. ``names`` are files that are code,
    ``call`` is the command of ``init`` that names one."""
    near = f", such as {', '.join(names)}" if names else ""
    return OuroError(
        f"nothing says which files an experiment may change{near}", help=f"name them: {call}"
    )


def no_experiment(folder: Path, words: str, call: str) -> OuroError:
    """``folder`` has no script with a harness, and no command that seems to run an experiment.
    ``words`` say why there is no script, "" if none was looked for; ``call`` is the command of
    ``init`` that names a command."""
    return OuroError(
        f"no experiment was found in {folder}: {words or 'nothing runs one'}",
        help=f"name the command that runs one and prints its metric: {call}",
    )


def experiment_below(folder: Path, places: list[str], call: str) -> OuroError:
    """There is no experiment in the folder, but there are instructions for one in folders below,
    the ``places``. ``call`` is the command to give there."""
    return OuroError(
        f"no experiment was found in {folder}; instructions for one are in {', '.join(places)}",
        help=f"cd {shlex.quote(places[0])} && {call}",
    )


def no_such_function(file: str, function: str) -> OuroError:
    """The function that ``--evaluate`` names is not in the harness (``file``)."""
    return OuroError(
        f"{file} defines no function {function}",
        help="name a function of the harness: --evaluate NAME",
    )


def not_one_number(harness: str, evaluate: str, what: str) -> OuroError:
    """Each ``return`` of the evaluation gives a tuple, a list, or a dictionary without the metric's
    name, so that every run would be a crash. ``what`` is the first of these values in words."""
    return OuroError(
        f"{harness}: {evaluate} returns {what}, not one number",
        help="let it return a number, or a dictionary, and name one of its keys as 'metric' in "
        "bound.toml",
    )


def unclear_direction(metric: str, lower: str, higher: str) -> OuroError:
    """Neither the rules, the instructions nor the metric's name say whether a lower or a higher
    value is better. ``lower`` and ``higher`` are the commands of ``init`` that do."""
    return OuroError(
        f"it is not clear whether a lower or a higher {metric} is better",
        help=f"say it: {lower}, or {higher}",
    )


def invalid_experiment(fault: str) -> OuroError:
    """The options of ``init`` and the project together give ``[experiment]`` a value, or values
    together, that bound.toml does not allow: ``fault``."""
    return OuroError(fault, help="give another value by an option: pytest-ouro init --help")


def nothing_editable(glob: str, folder: Path) -> OuroError:
    """A glob that ``--editable`` gives matches no file in ``folder``."""
    return OuroError(
        f"no file in {folder} matches {glob}", help="name what may change: --editable GLOB"
    )


def other_scope(place: str, files: list[str], editable: list[str]) -> OuroError:
    """A rule in a person's words, at ``place``, names the only files that may change (``files``),
    and they are not those of the experiment (``editable``)."""
    options = " ".join(f"--editable {path}" for path in files)
    return OuroError(
        f"{place} lets only {', '.join(files)} change, not {', '.join(editable)}",
        help=f"give {options}, or fix the rule",
    )


def other_budget(place: str, stated: float, budget: float) -> OuroError:
    """A rule in a person's words, at ``place``, states an exact time of training that is not the
    budget, or a limit below the budget. Times are in seconds."""
    return OuroError(
        f"{place} says {stated:g} seconds, but the budget is {budget:g}",
        help=f"give --budget {stated:g}, or fix the rule",
    )


def other_direction(place: str, stated: str, direction: str) -> OuroError:
    """A rule in a person's words, at ``place``, says that ``stated`` (lower or higher) values of
    the metric are better, and the experiment has the other direction."""
    return OuroError(
        f"{place} says that {stated} is better, but the direction is {direction}",
        help=f"give --direction {stated}, or fix the rule",
    )


def no_section(file: str) -> OuroError:
    """The file that ``--from`` names has neither a BOUND section nor instructions about an
    experiment."""
    return OuroError(
        f"{file} has no BOUND section", help=f"add a heading `## BOUND`, then {_BULLETS}"
    )


def no_rule(file: str) -> OuroError:
    """A file has a heading of a BOUND section, or of one of its three kinds of rules, and no rule
    under it."""
    return OuroError(
        f"{file} states no rule in its BOUND section", help=f"{_BULLETS}, or remove the section"
    )


def different_rules(files: list[str]) -> OuroError:
    """Several of the files CLAUDE.md and AGENTS.md, in the project's folder and at the repository's
    top, have BOUND sections with different rules."""
    return OuroError(f"{' and '.join(files)} state different rules", help="say which: --from FILE")


def unpaired_markers(file: str, begins: int, ends: int) -> OuroError:
    """The markers around the section that ``init --render`` writes are not one pair in order: there
    are ``begins`` and ``ends`` of them."""
    return OuroError(
        f"{file} has {begins} begin and {ends} end markers of pytest-ouro",
        help="leave one pair, the begin before the end",
    )


def several_sections(file: str, lines: list[int]) -> OuroError:
    """A file has several BOUND sections, so that ``init --render`` does not know which one to
    replace. ``lines`` are the numbers of their headings."""
    return OuroError(
        f"{file} has several BOUND sections: lines {', '.join(map(str, lines))}",
        help="leave the one to replace",
    )


def rules_outside_section(file: str) -> OuroError:
    """A file has a heading of the rules of a BOUND section, such as NEVER DO, but no such
    section."""
    return OuroError(
        f"{file} states rules outside of a BOUND section",
        help="put them under a heading `## BOUND`, which is then replaced",
    )


def not_a_table(place: str, text: str) -> OuroError:
    """The parameters in a bullet that ``init --render`` wrote are not a TOML table. ``place`` is
    ``file:line``, ``text`` what stands there."""
    return OuroError(
        f"{place}: {text} is not a TOML table",
        help='write the parameters as in {paths = ["prepare.py"]}, or delete the line',
    )


def no_such_check(place: str, check: str) -> OuroError:
    """A bullet that ``init --render`` wrote, at ``place``, names a check that does not exist."""
    return OuroError(
        f"{place}: there is no check '{check}'",
        help="name a check of docs/rules.md, or delete the line: init then chooses a check",
    )


def unusable_check(place: str, check: str, words: str) -> OuroError:
    """A bullet that ``init --render`` wrote, at ``place``, names a check of a package that cannot
    be imported."""
    return OuroError(
        f"{place}: the check '{check}' cannot be used: {words}",
        help="install the package that provides the check, or name another check",
    )


def invalid_parameters(problems: list[str]) -> BoundError:
    """The parameters in a bullet that ``init --render`` wrote are not those of its check. Each
    problem has the form ``file:line: text``."""
    return BoundError(
        tuple(problems), help="the page of a check in docs/checks lists its parameters"
    )


def file_exists(name: str, call: str) -> OuroError:
    """Something, if only a link, exists where ``init`` is to write bound.toml. ``call`` is the
    command that replaces it."""
    return OuroError(f"{name} exists already", help=f"replace it: {call}")


def not_committed(names: str, words: str) -> OuroError:
    """``init --go``: git refuses to commit the files ``names``, which have been written. ``words``
    are git's."""
    return OuroError(
        f"the rules are blessed, but git did not commit {names}: {words}",
        help=f"git add -f {names} && git commit -m 'Bless the rules'",
    )


def written_by_hand(name: str) -> OuroError:
    """The file that ``init --program`` is to write exists, and ``init`` did not write it."""
    return OuroError(
        f"{name} was written by hand", help="name another file, or replace it: --force"
    )


def foreign_hook(hook: str, command: str) -> OuroError:
    """A hook that ``init --hook`` is to write exists at the path ``hook``, and ``init`` did not
    write it. ``command`` is the line that the hook lacks."""
    return OuroError(
        f"{hook} was written by someone else",
        help=f"add this line to it: {command}   (or replace it: --force)",
    )


def other_hooks_folder(command: str) -> OuroError:
    """``core.hooksPath`` is set, so git does not look for hooks in the repository's own folder.

    ``command`` is the line that the pre-commit hook there needs.
    """
    return OuroError(
        "core.hooksPath names another folder of hooks",
        help=f"add this line to its pre-commit: {command}",
    )


def not_writable(path: str, words: str) -> OuroError:
    """A file cannot be written, replaced or removed; one that was there is unchanged."""
    return OuroError(
        f"{path} cannot be written: {words}", help="check the permissions and the disk's free space"
    )


def leads_outside(path: str, target: Path) -> OuroError:
    """The path of a file to read and write leads out of the repository or into git's folder, mostly
    by a link, or is a link that leads to itself."""
    return OuroError(
        f"{path} is a link to {target}, which is not a file of this repository",
        help="put a copy of the file in place of the link",
    )


def no_bound(path: Path) -> OuroError:
    """The bound.toml whose rules ``init`` is to render, or to write into hooks, a program or the
    files of agents, does not exist."""
    return OuroError(
        f"{path} does not exist: there are no rules to render",
        help="name an existing file: --bound FILE, or write one: pytest-ouro init",
    )
