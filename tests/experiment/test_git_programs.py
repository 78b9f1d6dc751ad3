"""No program that a repository's git settings, attributes or hooks name runs in any command."""

import json
import shlex
import subprocess
import sys

import pytest

#: Every setting of git-config(1) and of the manual pages that it names whose value is a program;
#: ``{}`` is the program, with its own argument to tell which setting ran it.
SETTINGS = """
core.fsmonitor core.editor core.pager core.sshCommand core.askPass core.gitProxy
core.alternateRefsCommand credential.helper credential.https://example.org.helper diff.external
diff.evil.command diff.evil.textconv merge.evil.driver filter.evil.clean filter.evil.smudge
filter.evil.process filter.a=b.clean filter.a=b.smudge filter.a=b.process gpg.program
gpg.openpgp.program gpg.x509.program gpg.ssh.program gpg.ssh.defaultKeyCommand sequence.editor
interactive.diffFilter trailer.sign.command trailer.sign.cmd pager.log pager.show pager.diff
pager.status pager.config pager.branch uploadpack.packObjectsHook remote.origin.uploadpack
remote.origin.receivepack remote.origin.vcs tar.evil.command browser.evil.cmd web.browser
difftool.evil.cmd mergetool.evil.cmd man.evil.cmd sendemail.smtpServer sendemail.toCmd
sendemail.ccCmd sendemail.headerCmd instaweb.httpd alias.rev-parse alias.cat-file alias.ls-files
alias.worktree alias.read-tree alias.update-ref alias.update-index alias.for-each-ref
alias.rev-list alias.config alias.commit alias.show
"""
#: Settings that make git use such a program, or another file of settings.
SWITCHES = {
    "log.showSignature": "true",
    "commit.gpgSign": "true",
    "tag.gpgSign": "true",
    "push.gpgSign": "if-asked",
    "filter.evil.required": "true",
    "filter.a=b.required": "true",
    "diff.default": "evil",
    "merge.default": "evil",
    "merge.tool": "evil",
    "diff.tool": "evil",
    "protocol.ext.allow": "always",
    "submodule.recurse": "true",
    "submodule.lib.update": "!{}",
    "extensions.worktreeConfig": "true",
    "core.untrackedCache": "true",
    "gc.auto": "1",
    "gc.autoDetach": "false",
    "maintenance.auto": "true",
}
HOOKS = """
applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg
commit-msg post-commit pre-rebase post-checkout post-merge pre-push pre-receive update
proc-receive post-receive post-update reference-transaction push-to-checkout pre-auto-gc
post-rewrite sendemail-validate fsmonitor-watchman post-index-change
"""
ATTRIBUTES = "*.py filter={} diff=evil merge=evil ident\n*.toml filter={}\n"


@pytest.fixture
def marks(tmp_path):
    """The names of the places whose program ran: one file each."""
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def hostile(lab, marks, tmp_path):
    """A repository with a program in every place that git offers; its history is made before."""
    lab.project.write({".gitattributes": ATTRIBUTES.format("evil", "a=b")})
    lab.bound()
    lab.run(lab.script(2.0))
    lab.commit(lab.script(3.0), "worse")
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\ntouch {shlex.quote(str(marks))}/"$1"\ncat\n')
    program.chmod(0o755)
    git = lab.path / ".git"
    lines = [_setting(name, f"{program} {name.replace('/', '_')}") for name in SETTINGS.split()]
    lines += [_setting(name, value.format(program)) for name, value in SWITCHES.items()]
    lines += [_setting("url.ext::{program} url.insteadOf", "https://")]
    lines += [_setting("remote.origin.url", f"ext::{program} remote.origin.url")]
    lines += [_setting("remote.origin.promisor", "true")]
    settings = "".join(lines)
    included = tmp_path / "included"
    included.write_text(settings)
    (git / "config.worktree").write_text(settings)
    for condition in ("gitdir:**", "gitdir:**/worktrees/**", "onbranch:**"):
        settings += _setting(f"includeIf.{condition}.path", str(included))
    with (git / "config").open("a") as config:
        config.write(settings)
    (git / "info").mkdir(exist_ok=True)
    (git / "info/attributes").write_text(ATTRIBUTES.format("a=b", "evil"))
    hooks = git / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS.split():
        (hooks / name).write_text(f"#!/bin/sh\n{program} hook-{name} < /dev/null\n")
        (hooks / name).chmod(0o755)
    return lab


def _setting(name, value):
    section, _, rest = name.partition(".")
    between, _, key = rest.rpartition(".")
    title = f'{section} "{between}"' if between else section
    return f'[{title}]\n\t{key} = "{value}"\n'


def ran(marks):
    return sorted(path.name for path in marks.iterdir())


def test_git_itself_runs_them(hostile, marks):
    """The control: the places are real."""
    for command in (["status"], ["log", "-1", "-p"], ["update-ref", "refs/x", "HEAD"]):
        subprocess.run(["git", *command], cwd=hostile.path, capture_output=True, check=False)
    assert {"core.fsmonitor", "hook-reference-transaction", "filter.a=b.process"} <= set(ran(marks))


COMMANDS = [
    ["gate"],
    ["gate", "--staged"],
    ["gate", "--rehash"],
    ["gate", "--head", "HEAD", "--trust", "HEAD"],
    ["log"],
    ["log", "--json"],
    ["doctor"],
    ["bless"],
    ["init", "--dry-run"],
]


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_runs_one(hostile, marks, command):
    (hostile.path / "train.py").touch()  # git must compare its contents
    hostile.project.ouro(*command)
    assert ran(marks) == []


def give(hostile, text, *command):
    asked = [sys.executable, "-m", "pytest_ouro", *command]
    return subprocess.run(asked, cwd=hostile.path, input=text, capture_output=True, text=True)


def test_the_gate_before_a_push_runs_none(hostile, marks):
    head = (hostile.path / ".git/refs/heads/main").read_text().strip()
    line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n"
    assert give(hostile, line, "gate", "--pre-push", "origin", "https://example.org").stdout
    assert ran(marks) == []


@pytest.mark.parametrize("tool", ["Edit", "Bash"])
def test_the_guard_runs_none(hostile, marks, tool):
    given = {"file_path": str(hostile.path / "prepare.py"), "command": "git commit -n -m x"}
    call = {
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": given,
        "cwd": str(hostile.path),
    }
    assert "deny" in give(hostile, json.dumps(call), "guard").stdout
    assert ran(marks) == []


def test_an_experiment_that_settles_runs_none(hostile, marks):
    result = hostile.run(settle=True)
    assert (result.status, result.reason) == ("discard", "worse")
    assert "is back at" in result.settlement[-1]
    assert ran(marks) == []
