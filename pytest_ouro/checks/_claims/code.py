"""What the commits of claimed experiments show: seeds alone, budgets, code that nobody wrote."""

from __future__ import annotations

import ast
import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import AGAIN, Claimed
from pytest_ouro.core.finding import Finding, count, several
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step
    from pytest_ouro.evidence.claims.loop import Experiment

#: Names of constants that say how long a run trains.
_BUDGET = re.compile(
    r"(?i)^(?:[a-z]+_)*(?:time_?(?:budget|limit)|budget(?:_?(?:s|sec|secs|seconds|min|minutes))?"
    r"|max_(?:train(?:ing)?_)?(?:seconds|secs|time|minutes)|train(?:ing)?_(?:seconds|secs|minutes|time)"
    r"|wall_?(?:clock|time)(?:_\w+)?)$"
)
#: Names of constants of what measures that say how much a run trains, if the script uses them.
_AMOUNT = re.compile(
    r"(?i)^(?:(?:max|num|n|total|train(?:ing)?)_)+(?:steps|iters|iterations|epochs|updates|tokens)$"
)
_CONSTANT = re.compile(r"(?m)^([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=[ \t]*(\d[\d_]*)")
_MENTION = re.compile(
    r"(?i)budget|time_?limit|max_\w*(?:seconds|secs|time|minutes)|train\w*_seconds|wall"
    r"|_(?:steps|iters|iterations|epochs|updates|tokens)\b"
)
#: Endings of files that are compiled code, and of other files that are not text.
_COMPILED = (
    ".so",
    ".pyd",
    ".pyc",
    ".pyo",
    ".dll",
    ".dylib",
    ".o",
    ".a",
    ".exe",
    ".whl",
    ".egg",
    ".pth",
)
_OTHER = (
    ".bin",
    ".pkl",
    ".pickle",
    ".pt",
    ".npy",
    ".npz",
    ".safetensors",
    ".zip",
    ".gz",
    ".onnx",
    ".joblib",
)
#: A name and a number in settings, C, JavaScript and the like.
_SETTING = re.compile(r"([A-Za-z_][\w-]*)[\"']?\s*(?:[:=]|\s)\s*(\d[\d_.]*)")
#: A line of code that is longer was written by a program, and words that unpack and run it.
_LONG = 2000
_UNPACKS = re.compile(
    r"\b(?:exec|eval|marshal|b64decode|b85decode|a85decode|unhexlify|fromhex|zlib\.decompress)\b"
)


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each commit of the loop that changes the budget of a run, adds generated
    code or binary files, or changes seeds alone. Each only warns unless a row says that the commit
    was kept and the evidence is conclusive."""
    for step in claims.loop.steps:
        if len(step.parents) == 1:
            yield from _budget(claims, step)
            yield from _generated(claims, step)
    seen: set[str] = set()
    for one in claims.keeps:
        if one.commit not in seen:
            seen.add(one.commit)
            yield from _seed_only(claims, one)


def _seed_only(claims: Claims, one: Experiment) -> Iterator[Claimed]:
    """Yield a finding if a kept experiment changes seeds and nothing else of the editable code."""
    if one.row is None or one.row.status != "keep" or not one.code or not one.parent:
        return
    if len(one.code) < len(_code(one)):
        return
    if all(_differs_in_seeds(claims, one, path) for path in one.code):
        said = AGAIN.search(one.row.description)
        yield Claimed(
            "seed-only",
            Finding(
                "a result was kept whose commit changes only the seed"
                + (f" (the row says {said[0]!r})" if said else ""),
                where=f"{claims.loop.history.find(one.commit)}, {claims.place([one.row.line])}",
                help="discard it; compare versions by the same seeds, or by the mean of several",
                facts={"line": one.row.line},
                warns=bool(said),
            ),
            (one.commit,),
            (one.row.line,),
        )


def _code(one: Experiment) -> list[str]:
    """Return the files of code that an experiment changes."""
    return [
        path
        for path in one.paths
        if path.endswith((".py", ".sh", ".yaml", ".yml", ".toml", ".json"))
    ]


def _differs_in_seeds(claims: Claims, one: Experiment, path: str) -> bool:
    """Return whether a file of an experiment differs from its parent's in seeds alone."""
    from pytest_ouro.evidence.python.seedless import seedless

    before, after = claims.text(one.parent, path), claims.text(one.commit, path)
    if not before or not after or before == after:
        return False
    lines = set(before.splitlines()) ^ set(after.splitlines())
    if not path.endswith(".py"):
        return _differs_in_seed_lines(before, after)
    if len(lines) > 12 or not any("seed" in line.lower() for line in lines):
        return False
    try:
        first, second = ast.parse(before), ast.parse(after)
        if ast.dump(first) == ast.dump(second):
            return False
        return seedless(first) == seedless(second)
    except (SyntaxError, ValueError, RecursionError):
        return False


def _differs_in_seed_lines(before: str, after: str) -> bool:
    """Return whether two texts of a file that is not Python differ in nothing but the numbers of
    lines that name a seed."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) != len(new):
        return False
    changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    return bool(changed) and all(
        re.search(r"(?i)seed", a) and re.sub(r"\d+", "0", a) == re.sub(r"\d+", "0", b)
        for a, b in changed
    )


def _budget(claims: Claims, step: Step) -> Iterator[Claimed]:
    """Yield a finding if a commit gives a constant of the training time another value, or binds it
    again in a file that an experiment may change."""
    for path in claims.loop.history.changes(step):
        if not matches(path, (*claims.editable, *claims.frozen)):
            continue
        before, after = claims.text(step.parent, path), claims.text(step.id, path)
        changed = set(before.splitlines()) ^ set(after.splitlines())
        if not before or not any(map(_MENTION.search, changed)):
            continue

        def find(old: str, new: str, path: str = path) -> str:
            change = _budget_change if path.endswith(".py") else _setting_change
            return change(old, new) or _amount_change(claims, step, path, old, new)

        words = find(before, after)
        if words:
            start = claims.text(claims.loop.start, path)
            if start and not find(start, after):
                continue  # it is as at the start again
            kept = claims.is_kept(step.id)
            yield Claimed(
                "budget-exact",
                Finding(
                    f"{path}: {words}, so that runs before and after it are not comparable",
                    where=str(step) + (", which was kept" if kept else ""),
                    help="restore the budget, and measure again what was kept since",
                    facts={"path": path},
                    warns=not kept,
                ),
                (step.id,),
            )


def _budget_change(before: str, after: str) -> str:
    """Return in words how the constants of the training time differ between two texts of a file, or
    which imported one is bound again; "" if they do not."""
    try:
        old, new = ast.parse(before), ast.parse(after)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    was, now = _bound(old), _bound(new)
    imported = _imported(old)
    for name, value in now.items():
        if name in was and was[name] != value and _is_number(was[name]) and _is_number(value):
            return f"{name} was changed from {was[name]} to {value}"
        if name not in was and (name.rpartition(".")[2] in imported or "." in name):
            return f"{name} of the harness is bound again, to {value[:40]}"
    return ""


def _setting_change(before: str, after: str) -> str:
    """Return in words how a setting of the training time differs between two texts of a file that
    is not Python; "" if none does."""
    was, now = (dict(_SETTING.findall(text)) for text in (before, after))
    for name, value in now.items():
        old = was.get(name, value)
        if old != value and _BUDGET.match(name.replace("-", "_")):
            return f"{name} was changed from {old} to {value}"
    return ""


def _amount_change(claims: Claims, step: Step, path: str, before: str, after: str) -> str:
    """Return in words how a constant of a frozen file that says how much a run trains, and that an
    editable file uses, differs between two texts of that file; "" if none does."""
    if not matches(path, claims.frozen):
        return ""
    was, now = (dict(_CONSTANT.findall(text)) for text in (before, after))
    for name, value in now.items():
        old = was.get(name, value)
        used = re.compile(rf"\b{name}\b")
        if old == value or not _AMOUNT.match(name):
            continue
        if any(used.search(claims.text(step.parent, glob)) for glob in claims.editable):
            return f"{name} was changed from {old} to {value}"
    return ""


def _bound(tree: ast.Module) -> dict[str, str]:
    """Return a dict from each constant of the training time that a module assigns, anywhere, to the
    text of its last value. Assignments to an attribute count too, such as ``prepare.TIME_BUDGET =
    60``, with the dotted name as key."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        for target in targets:
            name = ast.unparse(target) if isinstance(target, ast.Name | ast.Attribute) else ""
            if name.startswith("self.") or not _BUDGET.match(name.rpartition(".")[2]):
                continue
            if isinstance(value, ast.expr) and ("." in name or name.isupper()):
                sign = "" if not isinstance(node, ast.AugAssign) else "itself and "
                found[name] = sign + ast.unparse(value)
    return found


def _imported(tree: ast.Module) -> set[str]:
    """Return the names that the ``from … import …`` statements of a module bind; those of plain
    ``import`` statements are not among them."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _is_number(text: str) -> bool:
    """Return whether the text of an expression is made of numbers alone, as ``5 * 60``."""
    return bool(re.fullmatch(r"[\d\s_.*+/()e-]+", text))


def _generated(claims: Claims, step: Step) -> Iterator[Claimed]:
    """Yield a finding if a commit adds compiled code or other binary files, or a line of code that
    a program wrote and that is unpacked and run."""
    history = claims.loop.history
    paths = history.changes(step)
    added = [path for path in paths if not history.entry(step.parent, path)]
    compiled = [path for path in added if path.endswith(_COMPILED)]
    other = [path for path in added if path.endswith(_OTHER)]
    packed = [path for path in paths if path.endswith(".py") and _is_packed(claims, step, path)]
    kept = claims.is_kept(step.id)
    for found, words, sure in (
        (compiled, "compiled code", bool(_importable(compiled))),
        (other, "binary file", False),
        (packed, "code that is unpacked and run", True),
    ):
        if found:
            what = count(len(found), "file") if len(found) > 1 else posixpath.basename(found[0])
            yield Claimed(
                "generated-code",
                Finding(
                    f"{what}: {words} that nobody can read was added",
                    where=f"{step}: {several(found)}",
                    help="take it out, and keep the source that it was made from",
                    facts={"path": found[0], "files": len(found)},
                    warns=not (sure and kept),
                    paths=tuple(found),
                ),
                (step.id,),
            )


def _importable(paths: list[str]) -> list[str]:
    """Return the compiled files that Python may import."""
    return [p for p in paths if not p.endswith((".o", ".a", ".exe")) and "__pycache__" not in p]


def _is_packed(claims: Claims, step: Step, path: str) -> bool:
    """Return whether a commit adds to a file a line too long to be written by hand, and calls that
    unpack and run data, such as ``exec`` or ``b64decode``."""
    after = claims.text(step.id, path)
    if not any(len(line) > _LONG for line in after.splitlines()):
        return False
    before = claims.text(step.parent, path)
    new = set(after.splitlines()) - set(before.splitlines())
    return any(len(line) > _LONG for line in new) and bool(_UNPACKS.search("\n".join(new)))
