"""Recognise code that looks like tampering and is not: questions to programs, quiet prints, shims.

Each function follows what the code does, not what it is called.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, TypeAlias

from pytest_ouro.evidence.python.source import dotted, literal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: Returns the real dotted name of an expression; "" if it is unknown.
    Meaning: TypeAlias = Callable[[ast.expr], str]
    Value: TypeAlias = Callable[[ast.expr], ast.expr]

#: Functions and constants of modules that scripts have no other reason to use.
HARMLESS = {
    "socket": ("gethostname", "getfqdn"),
    "subprocess": (
        *("PIPE", "DEVNULL", "STDOUT", "CalledProcessError", "TimeoutExpired"),
        *("SubprocessError", "CompletedProcess"),
    ),
}
#: The parts of git that only read.
_GIT = (
    *("rev-parse", "rev-list", "describe", "log", "status", "show", "diff", "symbolic-ref"),
    *("name-rev", "shortlog", "ls-files", "--version"),
)
_GIT_REFUSED = ("--output", "--ext-diff", "--textconv", "--exec")
#: Programs that only tell about the machine, with the arguments that they may have.
_QUESTIONS = {
    "nvidia-smi": r"-q|--query[-a-z]*(=.*)?|--format(=.*)?|-L|--list-gpus|-i|--id(=.*)?|-d"
    r"|--display(=.*)?|-x|--xml-format|-h|--help|--version|-m|[^-].*",
    "rocm-smi": r"--show[-a-z]*|--json|--csv|-a|-i",
    "sysctl": r"-n|-a|-e|-b|[^-=]+",
    "uname": r"-.*", "hostname": r"-[fsidI]", "lscpu": r".*", "nproc": r".*", "arch": r".*",
    "sw_vers": r".*", "system_profiler": r".*", "vm_stat": r".*", "free": r".*", "uptime": r".*",
    "lspci": r"-[a-z]+", "getconf": r".*", "whoami": r"", "which": r"[^-].*", "df": r".*",
    "cat": r"/(?:proc|sys)/.*", "nvcc": r"-V|--version", "gcc": r"-v|--version",
    "clang": r"-v|--version", "ldconfig": r"-p",
}  # fmt: skip
_SYSTEM = ("/bin/", "/sbin/", "/usr/", "/opt/")
_SHELL = r"[;&|`$<>(){}\n\\]"
#: Keywords with which a call starts something else than its arguments say.
_REFUSED_KEYWORDS = ("executable", "env", "preexec_fn", "startupinfo", None)

_Function: TypeAlias = ast.FunctionDef | ast.Lambda


def program(call: ast.Call, value: Value) -> str:
    """Return the first word of the command that a call starts, by its first argument or ``args``;
    "" if it is not literal.

    ``value`` returns the expression that a name is assigned, and any other expression unchanged.
    """
    words = _words(call, value)
    return words[0] if words and words[0] else ""


def only_asks(call: ast.Call, value: Value) -> bool:
    """Return whether a call, such as ``subprocess.run(…)``, starts a program that only prints facts
    about the machine or the commit. ``value`` is as in `program`.

    The program must be git with a command of `_GIT`, or one of `_QUESTIONS`. Its name must be a
    literal, alone or with a folder of the system. Each literal argument must be allowed for the
    program; arguments that are computed are not looked at. No keyword, such as ``env``, may change
    what is started.
    """
    words = _words(call, value)
    if not words or not words[0] or any(k.arg in _REFUSED_KEYWORDS for k in call.keywords):
        return False
    folder, _, name = words[0].rpartition("/")
    if folder and not f"{folder}/".startswith(_SYSTEM):
        return False
    rest = words[1:]
    if name == "git":
        if rest[:1] == ["-C"]:
            rest = rest[2:]
        return bool(rest) and rest[0] in _GIT and not any(w.startswith(_GIT_REFUSED) for w in rest)
    allowed = _QUESTIONS.get(name)
    return allowed is not None and all(not w or re.fullmatch(allowed, w) for w in rest)


def _words(call: ast.Call, value: Value) -> list[str]:
    """Return the words of the command that a call starts, by its first argument or ``args``; [] if
    the command is unknown. A list or tuple gives its items, "" for each that is not a literal
    string. A text, and ``"…".split()``, is split at blanks; a text that is not split so and has
    characters of shell syntax gives []."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "args"]
    given = next((value(one) for one in (*call.args[:1], *named)), None)
    if isinstance(given, ast.List | ast.Tuple):
        return [literal_text(word) for word in given.elts]
    split = given.func if isinstance(given, ast.Call) and not given.args else None
    if isinstance(split, ast.Attribute) and split.attr == "split":
        return literal_text(split.value).split()
    text = literal_text(given) if given is not None else ""
    return [] if re.search(_SHELL, text) else text.split()


def keeps_print(value: ast.expr, functions: dict[str, ast.FunctionDef], meant: Meaning) -> bool:
    """Return whether ``value``, which replaces ``print``, prints nothing or exactly its positional
    arguments, whatever the keywords; False if that is not certain. ``functions`` are those of the
    script by name, and ``meant`` returns the real name of an expression."""
    if _is_partial(value, "builtins.print", ("flush",), meant):
        return True
    function = _function(value, functions)
    if function is None:
        return False
    given = function.args.vararg.arg if function.args.vararg else ""
    for call in _calls(function):
        name = dotted(call.func)
        if meant(call.func) == "builtins.print":
            if len(call.args) != 1 or not _is_star(call.args[0], given):
                return False
        elif name.rpartition(".")[2] not in ("pop", "get", "get_rank", "is_initialized"):
            return False
    return not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(function))


def keeps_compile(value: ast.expr, functions: dict[str, ast.FunctionDef], meant: Meaning) -> bool:
    """Return whether ``value``, which replaces ``torch.compile``, returns the model unchanged, or
    as ``torch.compile`` compiles it; False if that is not certain. ``functions`` are those of the
    script by name, and ``meant`` returns the real name of an expression."""
    options = ("dynamic", "fullgraph", "mode", "backend", "options", "disable")
    if _is_partial(value, "torch.compile", options, meant):
        return True
    function = _function(value, functions)
    return function is not None and _returns_given(function, functions, meant)


def _returns_given(
    function: _Function, functions: dict[str, ast.FunctionDef], meant: Meaning
) -> bool:
    """Return whether each value that a function returns is its first argument, that argument
    compiled by ``torch.compile``, or an inner function of which the same is true. False if it
    returns nothing. ``functions`` are those of the script by name, and ``meant`` returns the real
    name of an expression."""
    arguments = function.args
    names = [arg.arg for arg in (*arguments.posonlyargs, *arguments.args)]
    star = arguments.vararg.arg if arguments.vararg else ""
    results: list[ast.expr | None] = (
        [function.body]
        if isinstance(function, ast.Lambda)
        else [node.value for node in _own(function) if isinstance(node, ast.Return)]
    )
    inner = {n.name: n for n in _own(function) if isinstance(n, ast.FunctionDef)}

    def is_given(value: ast.expr | None) -> bool:
        """Return whether an expression is the first argument, that argument compiled, a function
        that returns it, or a choice between such expressions; False for None."""
        if isinstance(value, ast.IfExp):
            return is_given(value.body) and is_given(value.orelse)
        if isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in inner):
            one = _function(value, inner)
            return one is not None and _returns_given(one, {**functions, **inner}, meant)
        if isinstance(value, ast.Call) and meant(value.func) == "torch.compile":
            first = value.args[0] if value.args else None
            return is_given(first) or (first is not None and _is_star(first, star))
        if isinstance(value, ast.Subscript):
            first_of = dotted(value.value) == star != ""
            return first_of and isinstance(value.slice, ast.Constant) and value.slice.value == 0
        return isinstance(value, ast.Name) and names[:1] == [value.id]

    return bool(results) and all(map(is_given, results))


def _function(value: ast.expr, functions: dict[str, ast.FunctionDef]) -> _Function | None:
    """Return the function that an expression is or names; None if it is neither a lambda nor a name
    in ``functions``."""
    if isinstance(value, ast.Lambda):
        return value
    return functions.get(value.id) if isinstance(value, ast.Name) else None


def _is_partial(value: ast.expr, of: str, keywords: tuple[str, ...], meant: Meaning) -> bool:
    """Return whether ``value`` is a call ``functools.partial(f)`` with no further arguments than
    some of ``keywords``, and ``of`` is the real name of ``f``, which ``meant`` returns."""
    if not isinstance(value, ast.Call) or dotted(value.func).rpartition(".")[2] != "partial":
        return False
    known = all(keyword.arg in keywords for keyword in value.keywords)
    if len(value.args) != 1 or not known:
        return False
    return meant(value.args[0]) == of or f"builtins.{dotted(value.args[0])}" == of


def _is_star(node: ast.expr, name: str) -> bool:
    """Return whether a node is ``*name``; False if ``name`` is ""."""
    return isinstance(node, ast.Starred) and bool(name) and dotted(node.value) == name


def _calls(function: _Function) -> Iterator[ast.Call]:
    """Yield the calls in a function, those in inner functions included."""
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def _own(function: _Function) -> Iterator[ast.AST]:
    """Yield the nodes below a function. A ``def`` (not ``async def``) or lambda in it is yielded
    itself, but not what is below that."""
    waiting = list(ast.iter_child_nodes(function))
    for node in waiting:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
