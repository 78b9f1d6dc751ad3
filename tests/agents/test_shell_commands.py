"""Which commands the guard lets a shell run: it refuses to write frozen files, and lets honest
work pass."""

import os

import pytest

from pytest_ouro import guard
from pytest_ouro.core.errors import OuroError
from pytest_ouro.guard import hosts
from pytest_ouro.guard.shell import parse

PASS = [
    # reading
    "cat prepare.py", "grep foo prepare.py > out.txt", "git diff HEAD -- prepare.py",
    "git show HEAD:prepare.py", "sed -n 1,20p prepare.py", "head prepare.py | tee /tmp/head.txt",
    "python - <<'EOF'\nprint(open('prepare.py').read())\nEOF", "diff prepare.py /tmp/prepare.py",
    "awk '{print $1 > \"/dev/null\"}' prepare.py", "wc -l *.py", "find . -name prepare.py",
    "find . -name prepare.py -exec grep -l time {} +", "echo 'rm prepare.py'",
    "grep -n 'sed -i' prepare.py", "cat <<'EOF'\nrm prepare.py\n> prepare.py\nEOF",
    "# rm prepare.py", "ls # > prepare.py", "stat prepare.py 2>&1", "ls 2>/dev/null",
    "perl -ne 'print if /time/' prepare.py", "git log --oneline -- prepare.py results.tsv",
    "[[ -f prepare.py ]]",
    # the loop
    "python train.py", "python train.py > run.log 2>&1", "uv run train.py > run.log 2>&1",
    "python train.py &> run.log", "pytest --ouro-experiment", "pytest bound.toml -q | tail -1",
    "python prepare.py", "timeout 600 python train.py >run.log", "grep '^val_bpb:' run.log",
    "git add train.py && git commit -m 'raise the rate'",
    "git commit --message results.tsv train.py",
    "git commit --author results.tsv --date results.tsv -a", "git commit --file results.tsv",
    "git commit -am 'no new layers'", "git commit -uno -am x", "git commit -Snone -m x",
    "git commit -m --no-verify",
    "git reset --hard HEAD~1", "git reset HEAD prepare.py", "git reset --hard", "git stash",
    "git checkout main", "git checkout -b try/prepare.py", "git switch -c idea",
    "git checkout -- train.py", "git restore train.py", "git restore --staged prepare.py",
    "git checkout -- prepare.py", "git restore prepare.py", "git restore -s HEAD prepare.py",
    "git checkout HEAD~1 -- train.py", "git rm --cached results.tsv", "git add -A", "git push",
    "git config core.hooksPath", "git config --get ouro.trust", "git config user.name me",
    "git config get core.hooksPath", "pytest-ouro gate", "pytest-ouro log", "rm helper.py",
    "git commit -m \"$(cat <<'EOF'\nDon't (yet\n\nrm prepare.py > prepare.py\nEOF\n)\"",
    "git checkout -q -- train.py", "for i in 1 2; do python train.py > run.log; done",
    "diff <(git show HEAD:prepare.py) prepare.py", "git log --format='%h > %s' | head",
    "test $(wc -l < prepare.py) -gt 3 && echo ok",
    "python -c \"print(1 > 2)\"", "awk -F: '$1 > 3' run.log", "echo \"a > prepare.py\"",
    # writing what may be written
    "sed -i s/2.0/1.9/ train.py", "echo x >> results.tsv", "tee -a run.log < /tmp/x",
    "cp train.py /tmp/", "cp /tmp/train.py train.py", "mv /tmp/train.py .",
    "echo '' > ./train.py",
    "cat > train.py <<'EOF'\nimport prepare  # not rm prepare.py\nEOF",
    "cp prepare.py /tmp/", "cp prepare.py /tmp/prepare.py", "cat prepare.py > /tmp/prepare.py",
    "rm tests/prepare.py", "echo > /tmp/prepare.py",
    "cd /tmp && rm -f prepare.py", "(cd /tmp; echo x > prepare.py); cat prepare.py",
    "tar xf /tmp/x.tar -C /tmp", "mkdir -p /tmp/x && ln -s $PWD/prepare.py /tmp/x/link.py",
    "cp -r . /tmp/copy", "tar czf /tmp/x.tgz .", "rm -rf __pycache__ .pytest_cache",
    "python train.py | tee log.txt", "mkdir -p notes", "X=a; X=$X$X; echo $X > $X.txt",
    "rm -rf __pycache__ /tmp/project", "touch run.log", "sed -e s/a/b/ prepare.py",
    "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: train.py\n*** End Patch\nEOF",
    "black --check prepare.py", "ruff check prepare.py", "ruff format --diff prepare.py",
    "ruff format .", "black train.py", "sort prepare.py",
    # packages that are declared
    "pip install -e .", "pip install -r requirements.txt", "pip list", "uv sync", "pip install .",
    "pip install -c constraints.txt -e '.[experiment]'", "python -m pip --version",
    "pip3 show six",
    "uv run --with pytest-ouro pytest --ouro-experiment", "uv lock", "npm install",
    "pytest-ouro init --program program.md --force",
]  # fmt: skip

DENIED = [
    # redirections
    "echo x > prepare.py", "echo x >> prepare.py", "echo x >| prepare.py", "ls &> prepare.py",
    ": >prepare.py", "echo x 1> prepare.py", "cat <<EOF > prepare.py\nx\nEOF", "> 'prepare.py'",
    "echo x > pre\"pare\".py", "echo x > prepare\\.py", "true && echo x > prepare.py || true",
    "cat /tmp/x | tee prepare.py", "tee -a ./prepare.py < /tmp/x", "(echo x) > prepare.py",
    "{ echo x; } > prepare.py", "if true; then echo x > prepare.py; fi",
    "echo x > $PWD/prepare.py",
    "F=prepare.py; echo x > $F", "for f in a prepare.py; do sed -i s/a/b/ $f; done",
    "echo $(rm prepare.py)", "echo `rm prepare.py`", 'echo "$(rm prepare.py)"',
    "ls | rm prepare.py",
    "bash -c 'echo x > prepare.py'", "bash -lc \"sed -i s/a/b/ prepare.py\"",
    "eval 'rm prepare.py'",
    "bash <<'EOF'\nrm prepare.py\nEOF", "env A=1 rm prepare.py", "A=1 rm prepare.py",
    "sudo -u root rm prepare.py", "timeout 5 rm prepare.py", "nohup tee prepare.py &",
    "git commit -m \"$(cat <<'EOF'\nDon't (yet\nEOF\n)\" && rm prepare.py", "cat <(rm prepare.py)",
    "echo \"$(cat <<'E'\n'\nE\n)$(rm prepare.py)\"",
    r"rm $'prepare\056py'", r"rm $'\x70repare.py'", r"rm $'prep\u0061re.py\0'",
    r"echo $'\'' && rm prepare.py", "echo \"$'\" && rm prepare.py && echo \"'\"",
    # programs
    "sed -i s/a/b/ prepare.py", "sed -i.bak -e s/a/b/ prepare.py",
    "sed --in-place s/a/b/ prepare.py",
    "sed -ni '1,5p' prepare.py", "sed -i '' s/a/b/ prepare.py", "perl -pi -e s/a/b/ prepare.py",
    "black prepare.py", "ruff format train.py prepare.py", "ruff check --fix prepare.py",
    "isort -q ./prepare.py", "uv run black prepare.py", "uvx black prepare.py",
    "python -m black prepare.py", "sed -i s/a/b/ *.py", "sed -i s/a/b/ pre*.py",
    "cp /tmp/x prepare.py", "cp /tmp/prepare.py .", "cp -t . /tmp/prepare.py",
    "install -m 644 /tmp/x prepare.py", "mv prepare.py old.py", "mv /tmp/x prepare.py",
    "mv train.py prepare.py", "rm prepare.py", "rm -rf .", "rm -f -- prepare.py",
    "unlink prepare.py",
    "ln -sf /tmp/x prepare.py", "truncate -s 0 prepare.py", "xargs -n 1 rm prepare.py",
    "nice -n 5 rm prepare.py", "timeout -k 5 10 rm prepare.py",
    "cd tests && rm ../prepare.py", "cd /tmp; cd -; rm \"$OLDPWD\"; echo > {project}/prepare.py",
    "apply_patch <<'EOF'\n*** Begin Patch\n*** Delete File: prepare.py\n*** End Patch\nEOF",
    # git
    "git checkout none -- prepare.py", "git checkout none prepare.py",
    "git restore -s none prepare.py", "git rm prepare.py",
    "git mv prepare.py old.py", "git -C . checkout none -- prepare.py",
    "git update-index --assume-unchanged prepare.py", "git add results.tsv",
    "git add -f results.tsv",
    "git commit results.tsv -m x", "git commit --message x results.tsv",
    "git commit --message=x results.tsv", "git commit --amend results.tsv",
    "git commit --no-verify -m x", "git commit -nm x", "git commit -m x -n -uno",
    "git commit -anm x", "git push --no-verify", "git -c core.hooksPath=/dev/null commit -m x",
    "git config core.hooksPath /dev/null", "git config --local core.hookspath x",
    "git config set core.hooksPath x", "git config ouro.trust HEAD",
    "git config --unset ouro.trust",
    "SKIP=ouro-gate git commit -m x", "pre-commit uninstall", "pytest-ouro bless",
    "python -m pytest_ouro bless",
    # the rules and what enforces them
    "sed -i s/300/600/ bound.toml", "rm bound.lock", "echo '{}' > .claude/settings.json",
    "rm -rf .git/ouro", "echo > .git/hooks/pre-commit", "rm .git/ouro/journal.jsonl",
    "rm -rf .git",
    "echo '{}' > ~/.claude/settings.json", "sed -i /ouro/d .git/config",
    # dependencies
    "pip install einops", "pip install -U torch", "python -m pip install einops", "uv add einops",
    "uv pip install einops", "poetry add einops", "conda install einops",
    "pip install git+https://x/y", "uvx pip install einops", "pytest-ouro init --force",
    "pytest-ouro init --go",
    "sed -i s/six/numpy/ pyproject.toml", "echo einops > requirements.txt", "uv lock --upgrade",
    # scope
    "echo x > helper.py", "sed -i s/a/b/ .gitignore", "rm .gitignore", "cp /tmp/x conftest.py",
]  # fmt: skip


def refusal(project, command):
    """Why a shell may not run it; "" if it may."""
    call = {"cwd": str(project.path), "hook_event_name": "PreToolUse", "tool_name": "Bash"}
    return guard.reason(hosts.read({**call, "tool_input": {"command": command}}))


@pytest.mark.parametrize("command", PASS)
def test_honest_work_passes(standing, command):
    assert refusal(standing, command) == ""


@pytest.mark.parametrize("command", DENIED)
def test_what_a_rule_forbids_is_refused(standing, command):
    said = refusal(standing, command.replace("{project}", str(standing.path)))

    assert said.startswith("pytest-ouro: ")
    assert "Do not retry it" in said


def test_the_trusted_commit_may_be_restored_as_the_gate_advises(project, shell):
    trust = project.git("rev-parse", "HEAD")

    assert shell(f"git checkout {trust[:7]} -- prepare.py") == ""
    assert shell(f"git restore -s {trust} prepare.py") == ""


def test_another_version_than_the_trusted_one_may_not_be_restored(project, shell):
    project.git("branch", "trusted")
    project.commit("another", {"prepare.py": "x = 1\n"})
    for command in ("checkout --", "checkout", "restore", "checkout HEAD --", "restore -s HEAD"):
        assert "prepare.py is frozen" in shell(f"git {command} prepare.py"), command
    assert shell("git checkout trusted -- prepare.py") == ""

    project.git("reset", "-q", "--hard", "trusted")
    project.write({"prepare.py": "x = 2\n"})
    assert shell("git checkout -- prepare.py") == ""
    project.git("add", "prepare.py")
    assert "prepare.py is frozen" in shell("git checkout -- prepare.py")
    assert shell("git checkout HEAD -- prepare.py") == ""


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("name", ["prepare.py", "pyproject.toml", ".gitignore"])
def test_whatever_the_gate_advises_may_be_done(project, shell, name, staged):
    (project.path / name).write_text("changed = 1\n")
    if staged:
        project.git("add", name)

    said = project.ouro("gate").stdout.splitlines()
    advice = {line.partition("help: ")[2].partition("   (")[0] for line in said if "help:" in line}

    assert advice
    assert {command: shell(command) for command in advice} == dict.fromkeys(advice, "")
    for command in advice:
        project.git(*command.split()[1:])
    assert project.ouro("gate").returncode == 0


def test_add_all_is_refused_where_it_adds_a_ledger_that_git_does_not_ignore(project, shell):
    project.write({"results.tsv": "x\n"})
    assert shell("git add -A") == ""
    assert shell("git add -f .") != ""

    project.write({".git/info/exclude": "", ".gitignore": "run.log\n"})

    assert "never-do::commit-results" in shell("git add -A")
    assert "never-do::commit-results" in shell("git add .")
    assert shell("git add train.py") == ""


def test_another_file_of_the_same_name_is_another_file(project, shell):
    bound = (project.path / "bound.toml").read_text()
    project.write({"bound.toml": bound.replace('check = "scope"', 'check = "scope"\nwithin = "x"')})
    project.commit("tests", {"tests/prepare.py": "", "x/note.txt": ""})
    project.bless()

    assert shell("sed -i s/a/b/ tests/prepare.py") == ""
    assert shell("cd tests && echo > prepare.py") == ""
    assert shell("sed -i s/a/b/ prepare.py") != ""


def test_a_text_that_a_person_named_may_change(project, shell):
    project.edit("bound.toml", 'check = "scope"', 'check = "scope"\ndocuments = ["README.md"]')
    project.commit("texts", {"README.md": "", "NOTES.md": ""})
    project.bless()

    assert shell("echo x >> README.md") == ""
    assert shell("echo x >> NOTES.md") != ""


def test_a_hard_link_or_a_link_is_the_file_that_it_names(project, shell):
    os.link(project.path / "prepare.py", project.path / "run.log")
    (project.path / "results.tsv").symlink_to("prepare.py")

    assert shell("echo x > run.log") != ""
    assert shell("echo x > results.tsv") != ""
    assert shell("rm results.tsv") == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b  c", [["a", "b", "c"]]),
        ("a 'b  c' \"d e\"", [["a", "b  c", "d e"]]),
        ("a;b&&c||d|e&f\ng", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("a\\ b \\\n c", [["a b", "c"]]),
        ("a $'x' \"\\\"\" ''", [["a", "x", '"', ""]]),
        ("X=1 Y=$X; b $Y ${X}", [["X=1", "Y=$X"], ["b", "$X", "1"]]),
        ("a <<E b\nnot me\nE\nc", [["a", "b"], ["c"]]),
        ("a <<-'E'\n\tnot me\n\tE\nc", [["a"], ["c"]]),
        ("a 2>&1 3>f <g b", [["a", "b"]]),
        ("a \"unfinished", [["a", "unfinished"]]),
        ("a $(b $(c)) d", [["b", "$(c)"], ["c"], ["a", "$(b $(c))", "d"]]),
        ("a $((1 > 2)) b", [["a", "$(1 > 2)", "b"]]),
    ],
)  # fmt: skip
def test_a_command_line_is_split_as_a_shell_splits_it(text, words):
    found = [item.words for item in parse(text) if not isinstance(item, str)]

    assert sorted(found) == sorted(words)


def test_a_variable_that_is_doubled_without_end_costs_nothing():
    [*_, last] = parse("X=aa; " + "X=$X$X; " * 60 + "echo $X")

    assert len(last.words[1]) == 4096


def test_a_write_is_not_allowed_because_git_fails(project, shell):
    (project.path / "notes.md").write_text("a\n")
    project.git("add", "notes.md")
    assert shell("echo b > notes.md"), "it is tracked, and only train.py may change"

    (project.path / ".git" / "index").write_bytes(b"no index")

    with pytest.raises(OuroError):
        shell("echo b > notes.md")
