"""Decide on effects by a table of what the rules protect, which is cached in the git folder.

To read bound.toml, bound.lock and git's settings costs many times what the answer may cost. So the
table is stored beside the state (times, size, inode) of every file that it is built from, and it is
built again when one of them changes. A program that can write in the git folder can forge the
table; the gate never reads it.
"""

from __future__ import annotations

import os

from pytest_ouro.guard import MAX_BYTES, escape, loads
from pytest_ouro.guard.effects import Action, Write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pytest_ouro.guard.hosts import Call
    from pytest_ouro.guard.rules import Table


#: Files in which a person states the rules for agents, in a section BOUND.
_AGENT_FILES = ("CLAUDE.md", "AGENTS.md", "GEMINI.md")
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
    """Return the folders whose rules apply to a call, each once. For each folder of the session,
    each file that the call changes and each folder in which it does something else, it is the
    nearest folder at or above, within the repository, that has bound.toml or bound.lock.

    A folder to which only an effect led counts if it has a bound.lock.
    """
    found = dict.fromkeys(folder for start in call.starts if (folder := _bound(start)))
    for effect in call.effects:
        place = os.path.dirname(effect.path) if isinstance(effect, Write) else effect.folder
        folder = _bound(place)
        if folder and os.path.isfile(os.path.join(folder, "bound.lock")):
            found[folder] = None
    return list(found)


def _bound(start: str) -> str:
    """Return the nearest folder with bound.toml or bound.lock, with links resolved, from ``start``
    upwards to the top of its repository, or to the root if there is no repository; "" if there is
    none."""
    folder = os.path.realpath(start)
    while True:
        if any(os.path.lexists(os.path.join(folder, n)) for n in ("bound.toml", "bound.lock")):
            return folder
        above = os.path.dirname(folder)
        if above == folder or os.path.lexists(os.path.join(folder, ".git")):
            return ""
        folder = above


def load(bound: str) -> Protections:
    """Return what the rules in the folder ``bound`` protect: the cached table if the state of its
    sources is still the same, else a new one, which `rules.build` stores. OuroError if the rules
    cannot be read, OSError if ``.git`` cannot be read."""
    folder, common = git_folders(bound)
    path = os.path.join(folder, "ouro", "guard.json")
    try:
        cached = loads(read(path))
        revision, sources = cached["revision"], cached["sources"]
        if cached["state"] == state(bound, folder, common, revision, sources):
            return Protections(cached["table"])
    except Exception:
        pass
    from pytest_ouro.guard import rules

    def current(revision: str, sources: list[str]) -> list[Any]:
        return state(bound, folder, common, revision, sources)

    return Protections(rules.build(bound, path, common, current))


def git_folders(start: str) -> tuple[str, str]:
    """Return a tuple: the git folder of the working tree around ``start``, and the one that all its
    working trees share (the same, except in a linked working tree), with links resolved. Two empty
    strings if there is no repository. OSError if a file that names such a folder cannot be read."""
    folder = start
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return "", ""  # the engine reports the fault
        folder = above
    git = os.path.join(folder, ".git")
    if os.path.isfile(git):
        git = os.path.join(folder, read(git).partition("gitdir:")[2].strip())
    try:
        common = os.path.join(git, read(os.path.join(git, "commondir")).strip())
    except FileNotFoundError:
        common = git
    return os.path.realpath(git), os.path.realpath(common)


def read(path: str) -> str:
    """Return the text of a regular file of at most `MAX_BYTES`; bytes that are not UTF-8 are
    replaced. OSError for anything else, such as a pipe, which would block."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_mode & 0o170000 != 0o100000 or found.st_size > MAX_BYTES:
            raise OSError(f"{path} is not a regular file, or too large to be read")
        return os.read(descriptor, found.st_size).decode(errors="replace")
    finally:
        os.close(descriptor)


def state(bound: str, folder: str, common: str, revision: str, sources: list[str]) -> list[Any]:
    """Return the state of what the table of `Protections` is built from, to be compared with an
    earlier one: the rules in ``bound``, settings, OURO_TRUST, OURO_RECORDS, the trusted ref
    ``revision`` ("" if none), and ``sources``, the files of packages' checks; by `git_folders`.

    For each of these files the list has the modification time (in nanoseconds), size (in bytes) and
    inode; None if it is absent.
    """
    home, named = os.path.expanduser("~"), map(os.environ.get, ("OURO_TRUST", "OURO_RECORDS"))
    files = [
        *(os.path.join(bound, name) for name in ("bound.toml", "bound.lock")),
        *(os.path.join(folder, "config.worktree"), os.path.join(common, "config")),
        *(os.path.join(home, ".gitconfig"), os.path.join(home, ".config/git/config")),
        os.path.join(home, ".config/pytest-ouro/config.toml"),
        *("/etc/gitconfig", os.path.join(os.path.dirname(__file__), "rules.py"), *sources),
    ]
    if revision:
        files += [os.path.join(common, "packed-refs"), os.path.join(folder, "HEAD")]
        names = ("", "refs", "refs/tags", "refs/heads", "refs/remotes")
        files += [os.path.join(common, name, revision) for name in names]
    return [bound, home, *named, revision, *map(_stat, files)]


def _stat(path: str) -> list[int] | None:
    """Return the modification time, size and inode of a file as in `state`; None if there is no
    such file or it cannot be asked for."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino]


class Protections:
    """What one bound.toml protects. Globs are from ``top``, the repository's top, or absolute.

    ``frozen``, ``files``, ``own`` and ``untracked`` are lists of tuples: a glob or a file, the rule
    that names it, and the words of that rule. ``frozen`` has the globs that the rules freeze, and
    ``files`` the absolute path of each trusted file that one of these globs matches. ``own`` has
    the files that state or enforce the rules, such as bound.toml, hooks and agents' settings, and
    ``untracked`` what must stay out of git. ``scopes`` is a list of tuples: a folder, the globs
    that may change in it, a rule, and its words. ``install`` is a list of the rule that forbids
    installing and its words, or empty. ``bound`` is the folder of bound.toml, absolute, and
    ``editable`` the globs of the editable files, relative to the experiment's folder.
    """

    def __init__(self, table: Table) -> None:
        self.top = table["top"]
        self.bound = table["bound"]
        self.frozen = table["frozen"]
        #: The frozen files, absolute, that bound.lock lists or, without it, the trusted commit has.
        self.files = table["files"]
        #: What enforces the rules, which no rule needs to name.
        self.own = [(glob, *_OWN) for glob in table["own"]]
        #: Within which folder which globs may change, by which rule.
        self.scopes = table["scopes"]
        self.untracked = table["untracked"]
        self.install = table["install"]
        self.editable = table["editable"]

    def refusal(self, effect: Write | Action) -> str:
        """Return why the rules forbid an effect, and what to do instead; "" if they allow it. An
        `Action` is always forbidden, but an ``install`` only if a rule says so.

        A change of a link counts for the link and for its target, a removal for the link alone. An
        ``add`` is forbidden only for files that must stay untracked. A ``restore`` is allowed if it
        brings back the trusted version of a file, or is of a folder, which the gate checks.
        OuroError or OSError if the rules cannot be read, or git cannot be started.
        """
        if isinstance(effect, Action):
            by = self.install if effect.kind == "install" else _OWN
            what = f"`{effect.what}` {ACTIONS[effect.kind]}"
            return self._text(what, *by, effect=effect) if by else ""
        place = os.path.join(
            os.path.realpath(os.path.dirname(effect.path)), os.path.basename(effect.path)
        )
        if os.path.basename(effect.path) in ("", ".", ".."):
            place = os.path.realpath(effect.path)
        if effect.how == "add":
            return self._added(place, effect)
        if effect.how != "restore":
            return self._written(place, effect)
        if os.path.isdir(place):  # the gate checks the files in it
            return ""
        said = self._written(place, effect)
        return said if said and not self._restores(place, effect) else ""

    def _written(self, place: str, effect: Write) -> str:
        """Return why the rules forbid that the file or folder at ``place`` is changed or removed by
        ``effect``, as `refusal` does."""
        places = {place: None}
        if effect.how != "remove":  # the target of a removed link stays
            places[os.path.realpath(place)] = None
        for path in places:
            name = self._name(path)
            find = self._removed if effect.how == "remove" else self._changed
            if rule := find(path, name):
                return self._text(f"{name} is frozen", *rule, effect=effect, name=name)
            if (rule := self._scope(name)) and self._is_reported(path, name, effect):
                if self._has_own_bound(path):
                    continue
                what = f"{name} is not one of the files that may change"
                return self._text(what, *rule, effect=effect, name=name, is_frozen=False)
        return ""

    def _name(self, path: str) -> str:
        """Return ``path`` relative to the top; unchanged if it is not below the top."""
        return path.removeprefix(self.top + "/")

    def _changed(self, path: str, name: str) -> tuple[str, str] | None:
        """Return the rule that forbids a change of the file, and its words; None if no rule does.
        Forbidden are frozen files, also by another name, and files that state or enforce the rules.
        ``path`` is absolute, ``name`` the same from the top."""
        for glob, rule, words in self.frozen + self.own:
            if _hit(name, glob):
                return rule, words
        return _OWN if self._states_rules(path, name) else self._linked(path)

    def _removed(self, path: str, name: str) -> tuple[str, str] | None:
        """Return the rule that forbids the removal of ``path``, and its words; None if no rule
        does. Forbidden are a frozen file, one that enforces the rules, and a folder with such a
        file in it. ``name`` is ``path`` from the top.

        A file in the repository counts as frozen here only if it is one of ``files``: a new file
        that a frozen glob happens to match may be removed.
        """
        below = path.rstrip("/") + "/"
        for file, rule, words in self.files:
            if file == path or file.startswith(below):
                return rule, words
        for glob, rule, words in [each for each in self.frozen if each[0][0] == "/"] + self.own:
            full = os.path.join(self.top, _literal(glob))
            if _hit(name, glob) or (full.startswith(below) and os.path.lexists(full)):
                return rule, words
        return None

    def _linked(self, path: str) -> tuple[str, str] | None:
        """Return the rule of a frozen file that has ``path`` as another name, and its words; None
        if there is no such file. Another name is a hard link, or the same letters in another case
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

    def _states_rules(self, path: str, name: str) -> bool:
        """Return whether the file is one of `_AGENT_FILES`, in the repository, with the section
        ``## BOUND``, in which a person states the rules for agents. False if it cannot be read."""
        if name.startswith("/") or os.path.basename(path) not in _AGENT_FILES:
            return False
        try:
            return "\n## BOUND" in "\n" + read(path)
        except OSError:
            return False

    def _scope(self, name: str) -> tuple[str, str] | None:
        """Return the first scope rule that does not let the file ``name`` change, and its words;
        None if every scope rule lets it, or if the file lies in .git or outside of the
        repository."""
        if name.startswith("/") or name.split("/")[0] == ".git":
            return None
        for within, free, rule, words in self.scopes:
            is_within = not within or f"{name}/".startswith(f"{within}/")
            if is_within and not any(_hit(name, glob) for glob in free):
                return rule, words
        return None

    def _is_reported(self, path: str, name: str, effect: Write) -> bool:
        """Return whether the gate would report this effect on a file that a scope rule does not let
        change. ``path`` is absolute, ``name`` the same from the top.

        A file that is only ``named`` is not reported. A restored file is reported unless it comes
        from the index or HEAD, a removed file if `rules.is_known` knows it, an edited one unless
        git ignores it. A file that a shell writes is reported if git tracks it, or if git does not
        ignore it and its name ends with ``.py``, ``.pyi``, ``.pth`` or ``.so``. If git fails
        to say what is ignored, the file is not. Errors as of `refusal`.
        """
        if effect.how in ("restore", "named"):
            return effect.how == "restore" and effect.source not in ("", "HEAD")
        from pytest_ouro.guard import rules

        if effect.how == "remove":
            return rules.is_known(self.bound, name)
        if effect.how != "edit" and rules.is_tracked(self.top, name):
            return True
        code = name.endswith((".py", ".pyi", ".pth", ".so"))
        return (effect.how == "edit" or code) and not rules.is_ignored(self.top, name)

    def _has_own_bound(self, path: str) -> bool:
        """Return whether the file lies in another repository below this one, such as a linked
        working tree, that has a bound.toml or bound.lock of its own at or above the file: then the
        rules there judge it. False for a nested repository without one."""
        folder = _bound(os.path.dirname(path))
        while len(folder) > len(self.top):
            if os.path.lexists(os.path.join(folder, ".git")):
                return True
            folder = os.path.dirname(folder)
        return False

    def _added(self, path: str, effect: Write) -> str:
        """Return why ``path``, a file or a folder, may not be added to git's index, since a file
        that must stay untracked would be added; "" if it may. GitError or OSError if git cannot be
        asked."""
        force = effect.source == "force"
        for glob, rule, words in self.untracked:
            if _hit(self._name(path), glob) or self._is_added_with(path, _literal(glob), force):
                return self._text(f"{glob} stays out of git", rule, words, effect=effect)
        return ""

    def _is_added_with(self, folder: str, name: str, force: bool) -> bool:
        """Return whether ``git add FOLDER`` would add the file ``name`` (from the top): it exists
        at any depth in the folder, and is not ignored, or ``force`` is set. GitError or OSError if
        git cannot be asked."""
        path = os.path.join(self.top, name)
        if not path.startswith(folder.rstrip("/") + "/") or not os.path.isfile(path):
            return False
        from pytest_ouro.guard import rules

        return force or not rules.is_ignored(self.top, name)

    def _restores(self, path: str, effect: Write) -> bool:
        """Return whether a restore brings back the trusted version of the file at ``path``, as
        `rules.restores_trusted` says. OuroError if the rules or git cannot be read."""
        from pytest_ouro.guard import rules

        return rules.restores_trusted(self.bound, self._name(path), effect.source)

    def _text(
        self,
        what: str,
        rule: str,
        words: str,
        *,
        effect: Write | Action,
        name: str = "",
        is_frozen: bool = True,
    ) -> str:
        """Return the refusal that is shown, as one escaped line: ``what`` is wrong; by which rule,
        ``rule`` (its table and id, or a file's name) with its sentence ``words``; and what to do
        instead of ``effect``. ``name`` and ``is_frozen`` are as in `advice.key`. Raise OuroError if
        the advice is to restore the file, and the rules, which name the trusted commit, cannot be
        read."""
        from pytest_ouro.guard import advice

        is_own = (rule, words) == _OWN
        key = advice.key(effect, name, is_own=is_own, is_frozen=is_frozen)
        command = advice.restore(self.bound, self.top, name) if key == "restore" else ""
        if key == "restore" and not command:
            key = "change" if is_frozen else "scope"
        help = advice.HELP[key].format(files=" or ".join(self.editable), restore=command)
        return escape(
            f"pytest-ouro: {what} ({rule}: {words}) Do not retry it in another way: {help}"
        )


def _literal(glob: str) -> str:
    """Return the part of a glob before its first ``*`` or ``?``; all of it if it has neither."""
    return glob.partition("*")[0].partition("?")[0]


def _hit(name: str, glob: str) -> bool:
    """Return whether a glob names the file, or is a folder, with ``/`` at its end, that holds it.
    Most globs are decided by their ends, without `re`."""
    start = _literal(glob)
    if start == glob:
        return name == glob or (glob.endswith("/") and name.startswith(glob))
    end = glob.rpartition("*")[2].rpartition("?")[2].lstrip("/")
    if not name.startswith(start) or not (name.endswith(end) or glob.endswith("/")):
        return False
    from pytest_ouro.evidence.paths import matches

    return matches(name, [glob])
