"""Files that later programs start from, as git's hooks and settings, are restored after a run."""

import os
import shutil
from pathlib import Path

import pytest

from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.run_record import StartedRun
from pytest_ouro.experiment.records.integrity import Snapshot
from pytest_ouro.experiment.records.start_files import StartFiles, _present

#: Finds the repository from a run's clean worktree.
HERE = (
    "from pathlib import Path\n"
    "link = Path(__file__).with_name('.git').read_text().split(maxsplit=1)[1].strip()\n"
    "git = Path(link).parents[1]\n"
    "hook = git / 'hooks' / 'pre-commit'\n"
    "hook.parent.mkdir(exist_ok=True)\n"
)
OURS = "#!/bin/sh\nexit 1\n"


def test_names_are_present_if_their_first_part_is(tmp_path):
    (tmp_path / ".SSH").mkdir()
    (tmp_path / ".profile").touch()
    names = (".profile", ".bashrc", ".ssh/config", ".ssh/rc", ".vim/vimrc")
    assert _present(str(tmp_path), names) == [".profile", ".ssh/config", ".ssh/rc"]
    assert _present(f"{tmp_path}/none", names) == [*names]


@pytest.fixture
def hook(lab):
    """The pre-commit hook of the lab's repository, which refuses every commit."""
    path = lab.path / ".git" / "hooks" / "pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(OURS)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ("hook.write_text('exit 0')", "exit 0"),
        ("hook.chmod(0o644)", OURS),
        ("hook.unlink()", None),
        ("hook.unlink()\nhook.symlink_to('/bin/true')", True),
        ("hook.unlink()\nhook.mkdir()", True),
    ],
)
def test_a_hook_that_was_changed_is_restored_and_the_run_is_a_breach(lab, hook, action, found):
    script = lab.script(before=HERE + action)
    hook.chmod(0o644)
    lab.commit(script)
    hook.chmod(0o755)
    seen = lab.run()

    assert (seen.status, seen.reason) == ("crash", "breach")
    assert seen.message.startswith(".git/hooks/pre-commit was changed while the run went on")
    assert (hook.read_text(), hook.stat().st_mode & 0o777) == (OURS, 0o755)
    kept = hook.with_name("pre-commit.found")
    if found is None:
        assert not kept.exists()
    else:
        assert kept.exists()
        assert found is True or kept.read_text() == found


def test_a_hook_that_is_new_is_moved_aside(lab):
    seen = lab.run(lab.script(before=HERE + "hook.write_text('exit 0')\n"))

    assert seen.reason == "breach"
    hooks = lab.path / ".git" / "hooks"
    assert not (hooks / "pre-commit").exists()
    assert (hooks / "pre-commit.found").read_text() == "exit 0"


def test_a_new_hook_in_a_folder_whose_permissions_changed_is_moved_aside(lab, hook):
    hook.chmod(0o644)  # so that the lab can commit
    hook.parent.chmod(0o755)
    change = "hook.parent.chmod(0o700)\n(hook.parent / 'post-merge').write_text('exit 0')\n"

    seen = lab.run(lab.script(before=HERE + change))

    assert seen.reason == "breach"
    assert hook.parent.stat().st_mode & 0o777 == 0o755
    assert not (hook.parent / "post-merge").exists()
    assert (hook.parent / "post-merge.found").read_text() == "exit 0"
    assert hook.read_text() == OURS
    assert not hook.with_name("pre-commit.found").exists(), "it did not change"


@pytest.mark.parametrize(
    "lines",
    [
        "[core]\n\tfsmonitor = /tmp/x\n",
        '[remote "origin"]\n\treceivepack = /tmp/x\n',
        "[include]\n\tpath = x\n",
        "[trailer.x]\n\tcommand = x\n",
        "[user]\n\tname = somebody\n",
    ],
)
def test_every_change_of_the_settings_is_a_breach_and_kept_beside(lab, lines):
    config = lab.path / ".git" / "config"
    before = config.read_text()
    action = f"file = git / 'config'\nfile.write_text(file.read_text() + {lines!r})\n"
    seen = lab.run(lab.script(before=HERE + action))

    assert seen.reason == "breach"
    assert seen.message.startswith(".git/config was changed while the run went on")
    assert "if you changed it, take it from config.found" in seen.message
    assert config.read_text() == before
    assert config.with_name("config.found").read_text() == before + lines


def test_a_person_may_push_and_fetch_while_a_run_goes_on(lab):
    git = lab.project.git
    git("init", "-q", "--bare", "../remote.git")
    git("remote", "add", "origin", "../remote.git")
    git("push", "-q", "origin", "main")
    snapshot = StartFiles.read(open_case(lab.path / "bound.toml").repository.git)
    git("push", "-q", "-u", "origin", "main")
    git("config", "branch.main.rebase", "true")
    git("config", "branch.main.vscode-merge-base", "origin/main")
    git("fetch", "-q", "--all", "--prune")
    git("checkout", "-q", "-b", "idea#2", "origin/main")
    config = lab.path / ".git/config"
    before = config.read_text()
    assert before.count("merge = refs/heads/main") == 2

    assert snapshot.restore() == []
    assert config.read_text() == before

    config.write_text(before + '[branch "main"]\n\tremote = ext::sh\n')
    assert len(snapshot.restore()) == 1
    snapshot.git.close()


#: Where a later program of git, a shell or Python would find what a run leaves.
PLACES = [
    "git / 'config.worktree'",
    "git / 'info/attributes'",
    "git / 'info/exclude'",
    "git / 'objects/info/alternates'",
    "git / 'modules/sub/config'",
    "home / '.gitconfig'",
    "home / '.config/git/config'",
    "home / '.config/git/attributes'",
    "home / '.bashrc'",
    "home / '.zshenv'",
    "home / '.config/fish/conf.d/x.fish'",
    "home / '.ssh/rc'",
    "home / '.local/lib/python3.99/site-packages/x.pth'",
    "home / '.local/lib/python3.99/site-packages/usercustomize.py'",
    "home / 'settings/more'",
    "home / 'elsewhere/post-commit'",
]


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_a_file_that_later_programs_start_from_is_restored(lab, place, existed):
    home = Path.home()
    with (lab.path / ".git/config").open("a") as file:
        file.write(f'[includeIf "gitdir:/nowhere"]\n\tpath = {home}/settings/more\n')
        file.write(f"[core]\n\thooksPath = {home}/elsewhere\n")
    (lab.path / ".git/modules/sub").mkdir(parents=True)
    (lab.path / ".git/modules/sub/HEAD").touch()
    path = eval(place, {"git": lab.path / ".git", "home": home})
    path.parent.mkdir(parents=True, exist_ok=True)
    if existed:
        path.write_text("mine")
    before = path.read_bytes() if path.exists() else None
    case = open_case(lab.path / "bound.toml")
    snapshot = StartFiles.read(case.repository.git)
    assert snapshot.restore() == []

    path.write_text("a program")
    [line] = snapshot.restore()

    assert f"{path.name} was changed while the run went on (it is put back" in line
    assert (path.read_bytes() if path.exists() else None) == before
    assert path.with_name(f"{path.name}.found").read_text() == "a program"


def test_what_is_not_of_this_kind_may_change(lab):
    case = open_case(lab.path / "bound.toml")
    snapshot = StartFiles.read(case.repository.git)
    (Path.home() / ".bash_history").write_text("ls")
    (Path.home() / "notes").write_text("x")
    lab.project.git("branch", "other")
    lab.project.git("worktree", "add", "-q", "--detach", "../linked")
    lab.project.git("gc", "-q")
    lab.project.git("stash", "list")
    assert snapshot.restore() == []


def test_a_folder_that_became_a_link_is_restored_with_its_files(lab, hook, tmp_path):
    case = open_case(lab.path / "bound.toml")
    snapshot = StartFiles.read(case.repository.git)
    shutil.copytree(hook.parent, tmp_path / "copy")
    (tmp_path / "copy/post-commit").write_text("a program")
    hook.parent.rename(tmp_path / "old")
    hook.parent.symlink_to(tmp_path / "copy")

    [line] = snapshot.restore()

    assert line.startswith(".git/hooks was changed")
    assert (hook.read_text(), hook.stat().st_mode & 0o777) == (OURS, 0o755)
    assert not (hook.parent / "post-merge").exists()
    assert (tmp_path / "copy/post-commit").exists()


def test_the_target_of_a_new_link_is_left_alone(lab, tmp_path):
    case = open_case(lab.path / "bound.toml")
    snapshot = StartFiles.read(case.repository.git)
    (tmp_path / "precious").write_text("precious")
    (Path.home() / ".zshrc").symlink_to(tmp_path / "precious")
    assert len(snapshot.restore()) == 1
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (Path.home() / ".zshrc").exists()


def test_a_link_to_dotfiles_stays_one_and_its_target_counts(lab, tmp_path):
    (tmp_path / "bashrc").write_text("mine")
    (Path.home() / ".bashrc").symlink_to(tmp_path / "bashrc")
    case = open_case(lab.path / "bound.toml")
    snapshot = StartFiles.read(case.repository.git)
    (Path.home() / ".bashrc").write_text("a program")
    assert len(snapshot.restore()) == 1
    assert (Path.home() / ".bashrc").is_symlink()
    assert (Path.home() / ".bashrc").read_text() == "mine"


def test_settings_that_became_a_loop_of_links_are_restored(lab):
    config = lab.path / ".git" / "config"
    before = config.read_text()
    action = "file = git / 'config'\nfile.unlink()\nfile.symlink_to('config')\n"
    seen = lab.run(lab.script(before=HERE + action))

    assert seen.reason == "breach"
    assert seen.message.startswith(".git/config was changed while the run went on")
    assert config.read_text() == before
    assert config.with_name("config.found").is_symlink()


def test_a_loop_of_links_from_before_the_run_stays(lab):
    for name, target in ((".zshrc", ".zshenv"), (".zshenv", ".zshrc")):
        (Path.home() / name).symlink_to(target)
    snapshot = StartFiles.read(open_case(lab.path / "bound.toml").repository.git)
    assert snapshot.restore() == []
    assert (Path.home() / ".zshrc").is_symlink()


def test_a_pipe_or_a_large_file_neither_hangs_nor_stays(lab):
    case = open_case(lab.path / "bound.toml")
    snapshot = StartFiles.read(case.repository.git)
    (Path.home() / ".profile").unlink(missing_ok=True)
    os.mkfifo(Path.home() / ".profile")
    (Path.home() / ".bashrc").write_bytes(bytes(3 << 20))
    assert len(snapshot.restore()) == 2
    assert not (Path.home() / ".profile").exists()
    assert not (Path.home() / ".bashrc").exists()


def test_a_large_file_that_was_changed_is_moved_to_a_place_that_is_named(lab):
    (Path.home() / ".bashrc").write_bytes(bytes(3 << 20))
    snapshot = StartFiles.read(open_case(lab.path / "bound.toml").repository.git)
    (Path.home() / ".bashrc").write_bytes(b"x" * (3 << 20))

    [line] = snapshot.restore()

    assert "it cannot be put back: it was too large before the run" in line
    assert line.endswith("; what is there now was moved to .bashrc.found)")
    assert (Path.home() / ".bashrc.found").stat().st_size == 3 << 20


@pytest.fixture
def pipe(lab):
    """A pipe that the repository's settings name, as they may name /dev/null."""
    path = lab.path / "excluded"
    os.mkfifo(path, 0o640)
    with (lab.path / ".git/config").open("a") as config:
        config.write(f"[core]\n\texcludesFile = {path}\n")
    return path


def test_a_device_or_pipe_may_be_used(lab, pipe):
    snapshot = StartFiles.read(open_case(lab.path / "bound.toml").repository.git)
    os.utime(pipe, (1, 1))
    assert snapshot.restore() == []
    assert pipe.is_fifo()


def test_a_file_in_place_of_a_pipe_is_moved_aside_and_the_pipe_made_again(lab, pipe):
    snapshot = StartFiles.read(open_case(lab.path / "bound.toml").repository.git)
    pipe.unlink()
    pipe.write_text("*.py\n")

    [line] = snapshot.restore()

    assert line.endswith("(it is put back; if you changed it, take it from excluded.found)")
    assert pipe.is_fifo()
    assert pipe.stat().st_mode & 0o777 == 0o640
    assert pipe.with_name("excluded.found").read_text() == "*.py\n"


def test_a_device_that_cannot_be_made_again_is_left_alone(lab, pipe, monkeypatch):
    snapshot = StartFiles.read(open_case(lab.path / "bound.toml").repository.git)
    pipe.unlink()
    pipe.write_text("*.py\n")
    monkeypatch.setattr(os, "mknod", lambda *_: os.open(lab.path / "none" / "device", os.O_RDONLY))

    [line] = snapshot.restore()

    assert "it cannot be put back: No such file" in line
    assert pipe.read_text() == "*.py\n"


def test_changes_during_a_sandboxed_run_are_left_alone(lab):
    case = open_case(lab.path / "bound.toml")
    assert case.experiment is not None
    before = Snapshot.take(case, case.experiment, StartedRun(time="", run="abc", commit=""))
    hook = lab.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(OURS)

    assert before.restore("sandboxed") == []
    assert hook.read_text() == OURS
    assert before.restore("judged") != []


def test_permissions_that_a_run_takes_away_are_put_back(lab):
    """Of a user that is not root every later start would end at them."""
    lab.run(lab.script())
    closes = (
        "import os\n"
        "for path in (git, git / 'ouro', git / 'ouro/journal.jsonl', git.parent / 'results.tsv'):\n"
        "    os.chmod(path, 0)\n"
    )
    seen = lab.run(lab.script(before=HERE + closes))

    assert seen.reason == "breach"
    assert seen.message.startswith("permissions of .git and 3 more were taken away during the run")
    assert lab.run(lab.script(1.0)).status == "keep"
