"""What an agent is to do in place of what is refused, by what it tried."""

from __future__ import annotations

from pytest_ouro.guard.effects import Action

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_ouro.guard.effects import Write

_BLESS = "A person may change it and bless it (pytest-ouro bless)."
_TELL = "If it is in the way, tell the person who runs this session."
#: By what was tried, as `key` says. ``{files}`` are the editable files, ``{restore}`` is the
#: command that restores the trusted file.
HELP = {
    "change": f"put the idea into {{files}} instead. {_BLESS}",
    "scope": f"put the idea into {{files}} instead, and notes outside of the repository. {_BLESS}",
    "named": f"put the idea into {{files}}, and write each file by its plain name. {_BLESS}",
    "remove": f"leave it where it is, and put the idea into {{files}}. {_BLESS}",
    "restore": "restore what is trusted: {restore}",
    "add": "git add -u adds what you changed, except for new files: add those by their names.",
    "rules": "leave the rules as they are. If one is wrong, tell the person who runs this session.",
    "settings": f"leave the hooks and settings as they are. {_TELL}",
    "records": "leave the records as they are, and read them by: pytest-ouro log",
    "no-verify": f"let the hooks run, and do what their help says. {_TELL}",
    "hooks": f"leave the hooks on, and do what their help says. {_TELL}",
    "trust": f"leave what is trusted as it is. {_TELL}",
    "bless": "commit what you changed in {files}, undo what you changed elsewhere, and ask the "
    "person who runs this session.",
    "install": "do it in {files} with what is installed. A person may declare the package and "
    "bless that (pytest-ouro bless).",
}


def key(effect: Write | Action, name: str, *, is_own: bool, is_frozen: bool) -> str:
    """Return the key of `HELP` for a refused effect on the file ``name``, a path from the
    repository's top ("" for an action). ``is_own``: the file is one of the project's rules,
    settings, hooks or records, such as bound.toml, as `protected` finds them. ``is_frozen``: a rule
    freezes the file; otherwise a rule ``scope`` does not let it change."""
    if isinstance(effect, Action):
        return effect.kind
    last = name.rpartition("/")[2]
    if is_own and "/ouro/" in f"/{name}/":
        return "records"
    if is_own:
        is_rules = last in ("bound.toml", "bound.lock") or last.endswith(".md")
        return "rules" if is_rules else "settings"
    if effect.how in ("remove", "restore", "named", "add"):
        return effect.how
    return "change" if is_frozen else "scope"


def restore(bound: str, top: str, name: str) -> str:
    """Return the command that restores the file ``name``, a path from the repository's ``top``,
    from the trusted commit; "" if that does not have it, or while a blessing is not committed.
    OuroError if the rules in the folder ``bound`` cannot be read."""
    from pytest_ouro.core.escape import quoted
    from pytest_ouro.guard import rules

    commit = rules.commit_with(bound, name)[:12]
    return f"git -C {quoted(top)} checkout {commit} -- {quoted(name)}" if commit else ""
