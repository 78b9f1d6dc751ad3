"""Say whether a command can be run as it is: its program, the files it names, its arguments; and
complete one that lacks its build, or that writes its metric into a file."""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from typing import TYPE_CHECKING

from pytest_ouro.core.child_environment import PASSED
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import read_file
from pytest_ouro.experiment.terms.names import is_data, named_files, why_missing
from pytest_ouro.onboarding.discover.source import PythonFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_ouro.onboarding.discover.prose import Prose

#: Commands of the shell itself.
_BUILT_IN = (
    *("cd", "set", "export", "source", "exit", "echo", "test", "true", "false", "for", "do"),
    *("done", "if", "then", "else", "fi", "while", "case", "esac", "eval", "exec", "trap", "wait"),
    *("unset", "ulimit", "umask", "read", "printf", "local", "return", "shift", "time", "command"),
)
_FILE = re.compile(r"[\w./-]*\w\.(?:py|sh|js|cjs|mjs|ts|rb|jl|json|ya?ml|toml|txt|csv|cfg|ini)")
#: Endings of code that is compiled.
_COMPILED = (".go", ".rs", ".c", ".cc", ".cpp", ".zig")
#: A place that is left open in a command, and a program of it by its ending.
PLACEHOLDER = re.compile(r"<[\w .-]+>|\{\w+\}|\[\w+\]|\.\.\.|…")
PROGRAM = re.compile(r"(?<![\w./-])(?:\./)?[\w/-]+\.(?:py|sh|js|ts|rb|jl)\b")
_NAMES = "(?:claude|codex|aider|opencode|gemini)"
#: A call of an agent in a shell script, and as a list of words.
_AGENT = re.compile(
    rf"""(?:^|[;&|(]|\bexec|\btimeout \S+)\s*{_NAMES}\s+(?:-|exec\b|run\b)"""
    rf"""|\[\s*["']{_NAMES}["']\s*,"""
)
#: A variable that a shell script demands: ``${NAME:?why}``, or a test for "" that ends it.
_VARIABLE = re.compile(
    r"""\$\{(\w+):?\?|\[\s+-z\s+"?\$\{?(\w+)(?::?-)?\}?"?\s+\]{1,2}[^\n]*(?:\n[^\n]*){0,3}?\bexit\s+[1-9]"""
)
#: A path of a person's folder in a script.
_HOME = re.compile(r"(?<![\w./$~-])/(?:Users|home)/[\w.-]+/[\w./-]+")


def filled(words: str) -> str:
    """Return a command without the comment at its end, and without the options whose value is a
    placeholder, as in ``--seed <N>``."""
    words = re.sub(r"\s#\s.*$", "", words)
    return re.sub(r"\s+--?[\w-]+[= ](?:<[\w .-]+>|\{\w+\})", "", words)


def built(words: str, prose: Prose, tracked: Sequence[str]) -> str:
    """Return the command ``BUILD && WORDS`` if its first word is ``./PROGRAM``, git does not track
    that file, and the instructions name a build with ``-o PROGRAM``: a run starts from what is
    committed. Otherwise return ``words`` unchanged."""
    program = words.split()[0]
    if not program.startswith("./") or program[2:] in tracked:
        return words
    makes = re.compile(rf"\s-o\s+(?:\./)?{re.escape(program[2:])}(?!\S)")
    return next((f"{build} && {words}" for build in prose.builds if makes.search(build)), words)


def with_output(words: tuple[str, ...], file: str) -> tuple[str, ...]:
    """Return the words of a command that runs the command ``words`` and then prints ``file``, into
    which that command writes its metric; ``words`` itself if ``file`` is ""."""
    if not file:
        return words
    text = words[2] if words[:2] == ("sh", "-c") else shlex.join(words)
    name = shlex.quote(file)
    return ("sh", "-c", f"rm -f {name} && {text} && cat {name}")


def not_said(
    words: Sequence[str], files: Sequence[str], prose: Prose, tracked: Sequence[str]
) -> str:
    """Return a sentence if the instructions contradict that the command ``words``, with its program
    files ``files``, runs the experiment; "" if they do not.

    They contradict it if the first command that they state runs a program that git does not track,
    or if they name none of ``files``.
    """
    called = shlex.join(words)
    first = PROGRAM.findall("".join(prose.commands[:1]))
    absent = [path for path in first if path.removeprefix("./") not in tracked]
    if absent and not PLACEHOLDER.search(prose.commands[0]):
        return f"the experiment is {called}: {prose.file} names {absent[0]}, which is not in git"
    named = any(posixpath.basename(path) in prose.whole for path in files)
    if prose.whole and files and not named:
        return f"the experiment is {called}, which {prose.file} does not name"
    return ""


def names_others(script: str, prose: Prose, tracked: Sequence[str]) -> bool:
    """Return whether the instructions state commands with tracked files, and none of the commands
    names the file ``script``, so that another program may be the experiment."""
    named = [path for words in prose.commands for path in named_files(tuple(words.split()))]
    return script not in named and any(path in tracked for path in named)


def may_be_silent(files: Sequence[str]) -> bool:
    """Return whether the text of a command's program files is taken to show all that they print:
    there is a file, and all are in Python or a compiled language. Programs in other languages often
    print by other programs. If it is true, and `printed_by` does not find the metric,
    `find_command` prefers another command."""
    return bool(files) and all(path.endswith((*_COMPILED, ".py")) for path in files)


def lacks_data(words: str, tracked: Sequence[str]) -> bool:
    """Return whether a command names a file of data, not as its output (``-o``, ``--json`` and the
    like), that git does not track. `_possible` puts such a command behind others."""
    words = re.sub(
        r"(?<!\S)(?:-o|--[\w-]*(?:out|json|log|report|export|save)[\w-]*)[= ]\S+", "", words
    )
    named = [path.removeprefix("./") for path in re.split(r"[\s=]", words)[1:]]
    return any(is_data(path) and path not in tracked for path in named)


def stops_at(seconds: float, folder: Path, files: Sequence[str]) -> bool:
    """Return whether the text of one of the files gives this number of seconds, after ``:``, ``=``
    or ``,``, to a name with ``budget``, ``seconds``, ``secs``, ``time`` or ``wall`` in it; the
    number may be written as minutes times 60."""
    stated = re.compile(
        r"""(?i)(?:budget|seconds|secs|time|wall)\w*["']?\s*[:=,][^\n\d]{0,30}?"""
        rf"(?:{seconds:g}(?:\.0*)?(?![\d.])|{seconds / 60:g} ?\* ?60\b|60 ?\* ?{seconds / 60:g}\b)"
    )
    texts = ((read_file(folder / path) or b"").decode(errors="replace") for path in files)
    return any(map(stated.search, texts))


def starts_agent(folder: Path, path: str) -> bool:
    """Return whether a line of the program at ``path`` in ``folder`` starts an AI agent, such as
    ``claude -p`` or ``codex exec`` (`_AGENT`): such a program runs the agent's loop, and is not the
    experiment. Lines that begin with ``#`` are ignored. False if there is no such file; OuroError
    if it cannot be read."""
    text = (read_file(folder / path) or b"").decode(errors="replace")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return any(map(_AGENT.search, lines))


def missing_arguments(folder: Path, words: Sequence[str], tracked: Sequence[str]) -> list[str]:
    """Return the options that argparse demands in the first tracked Python file of a command and
    that ``words`` lack, as far as the file's text shows them. [] if there are none, or if there is
    no such file that can be read."""
    files = [path for path in named_files(tuple(words)) if path in tracked]
    program = next((path for path in files if path.endswith(".py")), "")
    try:
        file = PythonFile.read(folder / program, program) if program else None
    except OuroError:
        return []
    given = " ".join(words)
    return [
        names[-1]
        for names in (_demanded(file) if file else ())
        if not any(re.search(rf"(?<!\S){re.escape(name)}(?![\w-])", given) for name in names)
    ]


def _demanded(file: PythonFile) -> Iterator[list[str]]:
    """Yield a list of the names of each option with ``required=True`` that a program adds to
    argparse; nothing for a program with sub-commands."""
    calls = [
        (call.func.attr, call)
        for call in file.source.of(ast.Call)
        if isinstance(call.func, ast.Attribute)
    ]
    if any(name == "add_subparsers" for name, _ in calls):
        return
    for name, call in calls:
        words = {word.arg: word.value for word in call.keywords}
        required = words.get("required")
        texts = [str(arg.value) for arg in call.args if isinstance(arg, ast.Constant)]
        is_demanded = isinstance(required, ast.Constant) and required.value is True
        if name == "add_argument" and is_demanded and texts:
            yield texts


def faults(words: Sequence[str], folder: Path, tracked: Sequence[str]) -> Iterator[str]:
    """Yield sentences, with what to do, on what a command seems to need and a run would lack: a
    program that this machine does not have; a file that the command names and git does not track,
    since a run starts from what is committed; a place outside of the repository that its shell
    scripts name; and a variable that they demand and a run does not set."""
    for program in _programs(words):
        if why := why_missing(program):
            yield f"{program} cannot be started here, and a run needs it: {why}"
    named = named_files(tuple(words))
    program = words[0].removeprefix("./")
    for path in named:
        is_file = _FILE.fullmatch(path) or (path == program != words[0])
        is_named = path in " ".join(words) and not path.startswith(("/", "~", ".."))
        if is_file and is_named and path not in tracked:
            yield from _absent(path, folder, " ".join(words))
    for path in named:
        if path in tracked and path.endswith((".sh", ".bash")):
            yield from _outside(folder, path)
            yield from _demanded_variables(folder, path)


def _demanded_variables(folder: Path, path: str) -> Iterator[str]:
    """Yield a sentence on each variable that a shell script demands, does not set and does not get
    in a run."""
    text = (read_file(folder / path) or b"").decode(errors="replace")
    names = dict.fromkeys(name for found in _VARIABLE.findall(text) for name in found if name)
    for name in names:
        is_set = re.search(rf"(?m)^\s*(?:(?:export|local|declare|readonly)\s+)?{name}=", text)
        if not is_set and name not in PASSED:
            yield (
                f"{path} demands the variable {name}, and a run does not get yours: set it in the "
                f"command, as in --command 'env {name}=… bash {path}'"
            )


def _programs(words: Sequence[str]) -> list[str]:
    """Return the names of the programs that a command starts: its first word, and for ``sh -c
    TEXT`` also the first word of each command in the text, if it is a plain name and no command of
    the shell's own."""
    if tuple(words[:2]) != ("sh", "-c") or len(words) < 3:
        return [words[0]]
    parts = [part.split() for part in re.split(r"&&|\|\||[;|]", words[2])]
    firsts = [[word for word in part if "=" not in word][:1] for part in parts]
    plain = [name for first in firsts for name in first if re.fullmatch(r"[a-z][\w.+-]*", name)]
    return list(dict.fromkeys([words[0], *(name for name in plain if name not in _BUILT_IN)]))


def _absent(path: str, folder: Path, words: str) -> Iterator[str]:
    """Yield a sentence on ``path``, a file that the command ``words`` names and git does not track:
    to commit it if it exists, else to create it. Nothing if the command itself makes the file."""
    if re.search(rf"(?:\s-o\s+(?:\./)?|\brm -f ){re.escape(path)}(?!\S)", words):
        return
    if (folder / path).is_file():
        yield (
            f"the command names {path}, which is not in git, and a run starts from what is "
            f"committed: git add -f {path} && git commit -m 'Add {path}'"
        )
    else:
        yield (
            f"the command names {path}, which does not exist, and a run starts from what is "
            "committed: make and commit it, or name another command (--command WORDS)"
        )


def _outside(folder: Path, path: str) -> Iterator[str]:
    """Yield a sentence on the first line of a shell script, comments aside, that names a path in
    ``/home`` or ``/Users``; nothing if no line does, or if there is no such script. What a run
    would use there is not committed, so no rule protects it. ``path`` is relative to ``folder``."""
    text = (read_file(folder / path) or b"").decode(errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        found = None if line.lstrip().startswith("#") else _HOME.search(line)
        if found:
            yield (
                f"{path}:{number} names {found[0]}, outside of what is committed: a run measures "
                "what is there; name it from the script's folder"
            )
            return
