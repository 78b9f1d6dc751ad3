"""The table of what the rules protect, cached in the git folder.

Reading bound.toml, bound.lock and git's settings costs many times what the answer may cost. So the
table is stored beside the state (times, size, inode) of every file it is built from, and is built
again when one of them changes. Whoever can write there can forge it; the gate never reads it.
"""

from __future__ import annotations

import os

from pytest_ouro.guard import loads
from pytest_ouro.guard.effects import Action, Write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pytest_ouro.guard.hosts import Call

#: Files in which a person tells agents the rules.
_TOLD = ("CLAUDE.md", "AGENTS.md", "GEMINI.md")
#: Actions that are refused, and the text shown.
ACTIONS = {
    "install": "installs a package or changes what is declared",
    "no-verify": "leaves out the hooks that judge",
    "hooks": "turns off the hooks that judge",
    "trust": "changes what is trusted",
    "bless": "declares changes the truth, which is for a person to do",
}
_OWN = ("bound.toml", "A person states the rules, and what enforces them.")


def bounds(call: Call) -> list[str]:
    """The folders of the bound.toml files that apply to a call: to its session and its files.

    Where only a file of the call lies in a project, the project counts if it is blessed.
    """
    found = dict.fromkeys(folder for start in call.starts if (folder := _bound(start)))
    for effect in call.effects:
        if isinstance(effect, Write):
            folder = _bound(os.path.dirname(effect.path))
            if folder and os.path.isfile(os.path.join(folder, "bound.lock")):
                found[folder] = None
    return list(found)


def _bound(start: str) -> str:
    """The nearest folder with rules from ``start`` upwards, in its repository; "" without one."""
    folder = os.path.realpath(start)
    while True:
        if any(os.path.lexists(os.path.join(folder, n)) for n in ("bound.toml", "bound.lock")):
            return folder
        above = os.path.dirname(folder)
        if above == folder or os.path.lexists(os.path.join(folder, ".git")):
            return ""
        folder = above


def load(bound: str) -> Zones:
    """What the rules in the folder ``bound`` protect. OuroError where they cannot be read."""
    folder, common = _git_folders(bound)
    path = os.path.join(folder, "ouro", "guard.json")
    try:
        with open(path, encoding="utf-8") as handle:
            kept = loads(handle.read())
        if kept["state"] == state(bound, folder, common, kept["revision"], kept["sources"]):
            return Zones(kept["table"])
    except Exception:
        pass
    from pytest_ouro.guard import rules

    def seen(revision: str, sources: list[str]) -> list[Any]:
        return state(bound, folder, common, revision, sources)

    return Zones(rules.keep(bound, path, common, seen))


def _git_folders(start: str) -> tuple[str, str]:
    """The git folder of the working tree around ``start``, and the one that all share."""
    folder = start
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return "", ""  # the engine reports the fault
        folder = above
    git = os.path.join(folder, ".git")
    if os.path.isfile(git):
        with open(git, encoding="utf-8") as handle:
            git = os.path.join(folder, handle.read().partition("gitdir:")[2].strip())
    try:
        with open(os.path.join(git, "commondir"), encoding="utf-8") as handle:
            common = os.path.join(git, handle.read().strip())
    except OSError:
        common = git
    return os.path.realpath(git), os.path.realpath(common)


def state(bound: str, folder: str, common: str, revision: str, sources: list[str]) -> list[Any]:
    """The state of all that the table is built from: rules, git's settings, the ref ``revision``
    that a person trusts, and ``sources``, the files of packages' checks."""
    home = os.path.expanduser("~")
    files = [
        *(os.path.join(bound, name) for name in ("bound.toml", "bound.lock")),
        *(os.path.join(folder, "config.worktree"), os.path.join(common, "config")),
        *(os.path.join(home, ".gitconfig"), os.path.join(home, ".config/git/config")),
        *("/etc/gitconfig", os.path.join(os.path.dirname(__file__), "rules.py"), *sources),
    ]
    if revision:
        files += [os.path.join(common, "packed-refs"), os.path.join(folder, "HEAD")]
        names = ("", "refs", "refs/tags", "refs/heads", "refs/remotes")
        files += [os.path.join(common, name, revision) for name in names]
    return [bound, home, os.environ.get("OURO_TRUST"), revision, *map(_seen, files)]


def _seen(path: str) -> list[int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino]


class Zones:
    """What one bound.toml protects. Globs are from ``top``, or absolute."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.top: str = table["top"]
        self.bound: str = table["bound"]
        self.root: str = table["root"]
        self.frozen: list[tuple[str, str, str]] = table["frozen"]  # glob, rule, its words
        self.own: list[str] = table["own"]
        self.files: list[tuple[str, str, str]] = table["files"]  # those that trust knows
        self.scopes: list[dict[str, Any]] = table["scopes"]
        self.untracked: list[tuple[str, str, str]] = table["untracked"]
        self.install: list[str] = table["install"]
        self.editable: list[str] = table["editable"]

    def refusal(self, effect: Write | Action) -> str:
        """Why the rules forbid it, and what to do instead; "" where they do not."""
        if isinstance(effect, Action):
            return self._forbidden(effect)
        place = os.path.join(
            os.path.realpath(os.path.dirname(effect.path)), os.path.basename(effect.path)
        )
        if os.path.basename(effect.path) in ("", ".", ".."):
            place = os.path.realpath(effect.path)
        if effect.how == "add":
            return self._added(place, effect)
        places = {place: None}
        if effect.how != "remove":  # to remove a link leaves what it names
            places[os.path.realpath(place)] = None
        for path in places:
            if said := self._frozen(path, effect) or self._outside(path, effect):
                return said
        return ""

    def _name(self, path: str) -> str:
        """``path`` from the top; the absolute path where it lies elsewhere."""
        return path[len(self.top) + 1 :] if path.startswith(self.top + "/") else path

    def _frozen(self, path: str, effect: Write) -> str:
        name = self._name(path)
        if effect.how == "restore" and os.path.isdir(path):
            return ""  # the files come from git, where the gate judges them
        zone = self._zone(path, name, effect)
        if zone is None or self._is_trusted(effect, name):
            return ""
        return self._refusal_text(f"{name} is frozen", *zone)

    def _zone(self, path: str, name: str, effect: Write) -> tuple[str, str] | None:
        """The rule that freezes ``path``, and its words."""
        if effect.how == "find":
            from fnmatch import fnmatch

            below = path.rstrip("/") + "/"
            for file, rule, words in self.files:
                if file.startswith(below) and fnmatch(os.path.basename(file), effect.source):
                    return rule, words
            return None
        if effect.how == "fill" and os.path.isdir(path):
            below = path.rstrip("/") + "/"
            for file, rule, words in self.files:
                if file.startswith(below) and os.path.lexists(
                    os.path.join(effect.source, file[len(below) :])
                ):
                    return rule, words
            return None
        if effect.how == "remove":
            return self._removed(path, name)
        for glob, rule, words in self.frozen:
            if _hit(name, glob):
                return rule, words
        if any(_hit(name, glob) for glob in self.own) or self._tells_rules(path, name):
            return self._scope(name) or _OWN
        return self._as_link(path)

    def _removed(self, path: str, name: str) -> tuple[str, str] | None:
        """The rule that freezes the removed file, or a file of the removed folder.

        Of the repository's files only trusted ones count: no others can be lost."""
        below = path.rstrip("/") + "/"
        for file, rule, words in self.files:
            if file == path or file.startswith(below):
                return rule, words
        for glob in [g for g, *_ in self.frozen if g.startswith("/")] + self.own:
            literal = _literal(glob)
            full = os.path.join(self.top, literal)
            if _hit(name, glob) or (full.startswith(below) and os.path.lexists(full)):
                found = [(rule, words) for other, rule, words in self.frozen if other == glob]
                return found[0] if found else _OWN
        return None

    def _as_link(self, path: str) -> tuple[str, str] | None:
        """The rule of a frozen file that ``path`` is by a hard link, or by letters of another case
        on a file system that ignores case."""
        try:
            links = os.stat(path).st_nlink
        except (OSError, ValueError):
            return None
        for file, rule, words in self.files:
            if links > 1 or file.casefold() == path.casefold():
                try:
                    if os.path.samefile(file, path):
                        return rule, words
                except OSError:
                    continue
        return None

    def _tells_rules(self, path: str, name: str) -> bool:
        """Whether the file has the section in which a person tells agents the rules."""
        if name.startswith("/") or os.path.basename(path) not in _TOLD:
            return False
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                return "\n## BOUND" in "\n" + handle.read()
        except OSError:
            return False

    def _scope(self, name: str) -> tuple[str, str] | None:
        """The scope rule that ``name`` would break."""
        if name.startswith("/") or name.split("/")[0] == ".git":
            return None
        for scope in self.scopes:
            within = scope["within"]
            if within and name != within and not name.startswith(within + "/"):
                continue
            if not any(_hit(name, glob) for glob in scope["free"]):
                return scope["rule"], scope["words"]
        return None

    def _outside(self, path: str, effect: Write) -> str:
        """Why a scope forbids the change; "" where none does."""
        name = self._name(path)
        zone = self._scope(name)
        if zone is None or not self._strays(path, name, effect) or self._is_trusted(effect, name):
            return ""
        return self._refusal_text(f"{name} is none of the files that may change", *zone)

    def _strays(self, path: str, name: str, effect: Write) -> bool:
        """Whether the gate would report the change. It reports no file that git ignores. A new file
        that a shell writes is allowed too, unless Python could import it."""
        if effect.how == "restore":
            return effect.source not in ("", "HEAD") and not os.path.isdir(path)
        if effect.how in ("find", "fill") and os.path.isdir(path):
            return False
        from pytest_ouro.guard import rules

        if effect.how == "remove":
            return rules.is_known(self.bound, name)
        if effect.how != "edit" and rules.is_tracked(self.top, name):
            return True
        code = name.endswith((".py", ".pyi", ".pth", ".so"))
        return (effect.how == "edit" or code) and not rules.is_ignored(self.top, name)

    def _added(self, path: str, effect: Write) -> str:
        """Why the path may not be added to git's index; "" where it may."""
        name = self._name(path)
        for glob, rule, words in self.untracked:
            if _hit(name, glob) or self._sweeps(path, _literal(glob), effect.source == "force"):
                return self._refusal_text(f"{glob} stays out of git", rule, words)
        return ""

    def _sweeps(self, folder: str, name: str, force: bool) -> bool:
        """Whether adding the folder adds the existing file ``name``."""
        path = os.path.join(self.top, name)
        if not path.startswith(folder.rstrip("/") + "/") or not os.path.isfile(path):
            return False
        from pytest_ouro.guard import rules

        return force or not rules.is_ignored(self.top, name)

    def _is_trusted(self, effect: Write, name: str) -> bool:
        """Whether the file is restored from the trusted commit, as the gate advises."""
        if effect.how != "restore" or len(effect.source) < 7:
            return False
        from pytest_ouro.guard import rules

        return rules.trusted_commit(self.bound).startswith(effect.source)

    def _forbidden(self, action: Action) -> str:
        if action.kind == "install":
            if not self.install:
                return ""
            return self._refusal_text(f"`{action.what}` {ACTIONS['install']}", *self.install)
        return self._refusal_text(f"`{action.what}` {ACTIONS[action.kind]}", *_OWN)

    def _refusal_text(self, what: str, rule: str, words: str) -> str:
        instead = " or ".join(self.editable)
        text = (
            f"pytest-ouro: {what} ({rule}: {words}) Do not retry it in another way: "
            f"put the idea into {instead} instead. A person may change it and bless it "
            "(pytest-ouro bless)."
        )
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _literal(glob: str) -> str:
    """The part of a glob before its first wildcard."""
    ends = [at for at in (glob.find("*"), glob.find("?")) if at >= 0]
    return glob[: min(ends)] if ends else glob


def _hit(name: str, glob: str) -> bool:
    literal = _literal(glob)
    if not name.startswith(literal):
        return False
    if literal == glob:
        return name == glob or glob.endswith("/")
    from pytest_ouro.evidence.paths import matches

    return matches(name, [glob])
