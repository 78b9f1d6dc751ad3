"""``pytest-ouro doctor``: what it finds in real repositories, and that each next step is one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.doctor.machine import Machine, ask
from pytest_ouro.doctor.rules import user_item
from pytest_ouro.experiment import device
from pytest_ouro.experiment.holding import device_held
from pytest_ouro.judge import open_case
from tests.experiment.test_confinement import needed

#: The doctor in a process for which one system call fails, as on other kernels and in containers.
WITHOUT = """\
import ctypes, struct, sys
number, error = int(sys.argv[1]), int(sys.argv[2])
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x50000 | error), (6, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code), 32)
head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, head, 0, 0) == 0
sys.argv = ["pytest-ouro", *sys.argv[3:]]
from pytest_ouro.__main__ import main
sys.exit(main())
"""
NO_LANDLOCK = ("444", "38")  # landlock_create_ruleset: not implemented


class Told:
    """What the doctor said: its exit status, and each topic's state, words and next step."""

    def __init__(self, done):
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert done.stderr == ""
        self.status, self.text = done.returncode, done.stdout
        self.state, self.words, self.next = {}, {}, {}
        topic = ""
        for line in done.stdout.splitlines():
            if line.startswith("ouro: doctor ") and " - " in line:
                head, _, words = line.removeprefix("ouro: doctor ").partition(" - ")
                topic, _, state = head.partition(": ")
                assert topic not in self.state
                self.state[topic], self.words[topic] = state, words
            elif line.startswith("  next: "):
                self.next[topic] = line.removeprefix("  next: ").partition("   (")[0]


@pytest.fixture
def doctor(project):
    """``doctor(*args)``: what it tells of the toy project."""

    def doctor(*args, **env):
        env = {"CUDA_VISIBLE_DEVICES": "", **env}
        return Told(project.ouro("doctor", *args, **env))

    return doctor


@pytest.fixture
def bound(project):
    """Put lines into [experiment], bless and commit."""

    def change(lines, old="editable "):
        project.edit("bound.toml", old, f"{lines}\n{old}")
        project.commit("the rules")
        return project.bless()

    return change


def follow(project, command):
    """Do what the doctor says is next."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command], cwd=project.path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def test_a_toy_experiment_is_told_topic_by_topic(doctor):
    told = doctor()

    assert told.status == 0
    assert list(told.state) == [
        *("git", "bound", "trust", "journal", "ledger", "user", "python", "device", "data"),
        *("judge", "sandbox", "level", "pre-commit", "ci", "agents"),
    ]
    assert told.words["bound"] == "7 rules of 'toy', each can fail"
    assert told.words["level"] == (
        "supervised (no judge: prepare.py has no Tokenizer); the bound demands supervised: a run "
        "can be kept"
    )
    assert told.words["judge"] == "no judge: prepare.py has no Tokenizer"
    last = told.text.splitlines()[-1]
    counts = [f"{list(told.state.values()).count(s)} {s}" for s in ("ok", "weak", "off")]
    assert last == f"ouro: doctor: {', '.join(counts)}"


def test_all_that_is_not_at_its_strongest_has_a_next_step_and_nothing_else_has(doctor):
    told = doctor()

    assert set(told.next) == {topic for topic, state in told.state.items() if state != "ok"}
    assert all(told.next.values())


def test_json_is_the_same_as_one_object(doctor, project):
    told = doctor()
    done = project.ouro("doctor", "--json", CUDA_VISIBLE_DEVICES="")
    found = json.loads(done.stdout)

    assert (done.returncode, found["status"], found["selftest"]) == (0, 0, None)
    assert [(i["topic"], i["state"], i["words"]) for i in found["items"]] == [
        (topic, told.state[topic], told.words[topic]) for topic in told.state
    ]


def test_to_look_changes_nothing_and_loads_no_torch(project):
    def everything():
        return {
            path: path.read_bytes() for path in sorted(project.path.rglob("*")) if path.is_file()
        }

    before = everything()
    code = (
        "import sys; from pytest_ouro.cli import run; status = run(['doctor']); "
        "sys.exit(status or 10 * ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, check=False)

    assert done.returncode == 0
    assert everything() == before


def test_without_git_or_a_bound_nothing_can_be_judged(tmp_path, project):
    bare = type(project)(tmp_path / "bare")
    bare.path.mkdir()
    told = Told(bare.ouro("doctor"))
    assert (told.status, told.state) == (2, {"git": "unknown"})
    assert told.next["git"] == "git init, then commit the experiment"

    bare.git("init", "-q")
    told = Told(bare.ouro("doctor"))
    assert told.status == 2
    assert (told.state["git"], told.state["bound"]) == ("ok", "unknown")
    assert "no bound.toml" in told.words["bound"]
    assert Told(bare.ouro("doctor", "--bound", "other.toml")).state["bound"] == "unknown"


def test_a_faulty_bound_is_unknown_and_names_its_line(doctor, project):
    project.edit("bound.toml", 'check = "scope"', 'check = "scpoe"')

    told = doctor()

    assert told.status == 2
    assert told.state["bound"] == "unknown"
    assert "bound.toml:" in told.words["bound"]


def test_rules_that_were_altered_are_not_trusted(doctor, project):
    project.edit("bound.toml", "timeout   = 20", "timeout   = 30")

    told = doctor()

    assert (told.status, told.state["bound"], told.state["trust"]) == (2, "ok", "unknown")
    assert "not the one that was blessed" in told.words["trust"]
    assert "level" not in told.state


def test_a_blessing_that_is_not_committed_lets_no_run_start(doctor, project):
    project.edit("bound.toml", "timeout   = 20", "timeout   = 30")
    assert project.ouro("bless").returncode == 0

    told = doctor()
    assert (told.status, told.state["trust"]) == (1, "fails")

    follow(project, told.next["trust"])
    assert (doctor().status, doctor().state["trust"]) == (0, "weak")


def test_trust_becomes_a_commit_by_the_next_step(doctor, project):
    told = doctor()
    assert told.state["trust"] == "weak"
    assert told.words["trust"].startswith("rules read from the working tree")

    follow(project, told.next["trust"])

    told = doctor()
    assert told.state["trust"] == "ok"
    assert told.words["trust"].endswith("(git config ouro.trust)")


def test_the_branch_of_the_remote_is_the_one_to_trust(doctor, project, tmp_path):
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "remote"))
    project.git("remote", "add", "origin", str(tmp_path / "remote"))
    project.git("fetch", "-q", "origin")

    assert doctor().next["trust"] == "git config ouro.trust origin/main"


def test_a_shallow_clone_is_weak_until_it_is_deepened(project, tmp_path):
    project.commit("another")
    clone = type(project)(tmp_path / "clone")
    project.git("clone", "-q", "--depth", "1", f"file://{project.path}", str(clone.path))

    told = Told(clone.ouro("doctor"))
    assert (told.state["git"], told.state["trust"], told.status) == ("weak", "unknown", 2)

    follow(clone, told.next["git"])
    told = Told(clone.ouro("doctor", CUDA_VISIBLE_DEVICES=""))
    assert (told.state["git"], told.state["trust"], told.status) == ("ok", "weak", 0)


def test_rules_that_cannot_fail_are_named(doctor, project):
    text = (project.path / "bound.toml").read_text()
    text = text.replace('check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "soon"')
    text += '\n[[iron-law]]\nid = "taste"\nrule = "x"\ncheck = "human"\nreason = "no measure"\n'
    project.write({"bound.toml": text})
    project.bless()

    told = doctor()

    assert (told.status, told.state["bound"]) == (0, "weak")
    assert "only warning: iron-law::only-train-py" in told.words["bound"]
    assert "for people alone: iron-law::taste" in told.words["bound"]


def test_a_level_that_is_demanded_and_not_to_be_had_fails(doctor, bound):
    bound('level = "judged"')

    told = doctor()

    assert (told.status, told.state["level"]) == (1, "fails")
    assert told.words["level"].endswith("the bound demands judged: no run can be kept here")
    assert told.next["level"] == told.next["judge"]


JUDGED = "def get_token_bytes(device):\n    return 0\n\n\nclass Tokenizer:\n    pass\n\n\n"


@needed
def test_the_level_rises_with_what_the_bound_and_the_harness_have(doctor, project, bound):
    text = (project.path / "prepare.py").read_text()
    project.write({"prepare.py": text.replace("def make", f"{JUDGED}def make"), "val.bin": "x"})
    project.bless()
    told = doctor()
    assert told.state["judge"] == "ok"
    assert told.words["level"].startswith("judged (no sandbox: the bound names no 'validation'")
    assert "names no 'validation' files" in told.words["sandbox"]

    bound('validation = ["val.bin"]')
    told = doctor()
    assert (told.state["sandbox"], told.state["level"]) == ("ok", "ok")
    assert told.words["level"].startswith("sandboxed; ")

    bound('highest = "judged"')
    told = doctor()
    assert (told.state["sandbox"], told.state["level"]) == ("weak", "weak")
    assert told.words["level"].startswith('judged (the bound says highest = "judged")')


@needed
def test_a_kernel_that_refuses_the_sandbox_is_told(project):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *NO_LANDLOCK, "doctor"],
        cwd=project.path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = Told(done)

    assert (told.status, told.state["sandbox"]) == (0, "weak")
    assert told.words["sandbox"] == "none: this kernel has no Landlock"


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """An interpreter without torch, or anything else."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin/python")


def test_a_harness_without_its_torch_fails(doctor, project, bare_python):
    text = (project.path / "prepare.py").read_text()
    project.write({"prepare.py": text.replace("def make", f"{JUDGED}def make") + "import torch\n"})
    project.edit("bound.toml", "editable ", f'python = ["{bare_python}"]\neditable ')
    project.bless()

    told = doctor()

    assert (told.status, told.state["python"]) == (1, "fails")
    assert told.words["python"].endswith("torch is missing, and prepare.py imports it")
    assert told.next["python"] == f"{bare_python} -m pip install torch"
    assert told.words["level"].startswith(f"supervised (torch is missing in {bare_python})")


def test_a_python_that_does_not_start_fails(doctor, bound):
    bound('python = ["no-such-python"]')

    told = doctor()

    assert (told.status, told.state["python"]) == (1, "fails")
    assert told.words["python"].startswith("'no-such-python' starts no Python: ")


def test_to_ask_an_interpreter_runs_nothing_of_the_project(tmp_path, bare_python):
    (tmp_path / "json.py").write_text("raise SystemExit('ran')")
    (tmp_path / "torch.py").write_text("")

    found = ask((bare_python,), folder=tmp_path, settings={})

    assert (found.path, found.torch) == (bare_python, False)


def test_an_interpreter_that_another_program_starts_is_found(doctor, bound):
    bound('python = ["env", "python3"]')

    told = doctor()

    assert told.state["python"] == "ok"
    assert "Python 3." in told.words["python"]


SMI = """\
#!/bin/sh
case $1 in
--query-gpu=driver_version) echo 570.10 ;;
--query-gpu=*) echo 0, GPU-1, NVIDIA H200 ;;
*) cat %s/apps ;;
esac
"""


def test_a_card_is_called_as_nvidia_smi_calls_it(project, tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text(SMI % tmp_path)
    (tmp_path / "nvidia-smi").chmod(0o755)
    (tmp_path / "apps").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(device, "cuda_present", lambda: True)
    project.edit("bound.toml", 'device    = "cpu"', 'device    = "cuda"')
    project.bless()

    def told():
        items = {i.topic: i for i in Machine(open_case(project.path / "bound.toml")).items()}
        return items["device"].state, items["device"].words

    assert told() == ("ok", "NVIDIA H200, driver 570.10, free")
    with device_held(["cuda-0"], print):
        state, words = told()
        assert (state, "driver 570.10, held by process " in words) == ("weak", True)
    (tmp_path / "apps").write_text("GPU-1, 77, 900, other\n")
    assert told() == ("weak", "NVIDIA H200, driver 570.10, where process 77 (other) computes")


def test_a_device_that_is_demanded_and_not_there_fails(doctor, project):
    project.edit("bound.toml", 'device    = "cpu"', 'device    = "cuda"')
    project.bless()

    told = doctor()

    assert (told.status, told.state["device"]) == (1, "fails")
    assert "no CUDA device here" in told.words["device"]


def test_who_holds_the_device_is_told(doctor):
    with device_held(["cpu"], print):
        told = doctor()

    assert told.state["device"] == "weak"
    assert f"held by process {os.getpid()} since " in told.words["device"]
    assert doctor().state["device"] == "ok"


def test_data_is_missing_then_unblessed_then_blessed(doctor, project, bound):
    frozen = '\n[[danger-zone]]\nid = "data"\nrule = "Data is fixed."\ncheck = "frozen-data"\n'
    project.write({"bound.toml": (project.path / "bound.toml").read_text() + frozen})
    bound('data = ["cache/*"]')
    told = doctor()
    assert (told.status, told.state["data"]) == (1, "fails")
    assert told.words["data"] == "missing: cache/*"
    assert told.next["data"] == "python prepare.py"

    project.write({".gitignore": "run.log\nresults.tsv\ncache/\n", "cache/tokens": "x"})
    project.commit("ignore the data")
    assert doctor().state["data"] == "weak"
    assert doctor().words["data"] == "1 files, 1 that are not blessed"

    project.bless()
    assert (doctor().state["data"], doctor().status) == ("ok", 0)


def test_recorded_runs_and_a_chain_that_was_broken(doctor, project):
    assert doctor().words["journal"] == "runs recorded: 0"
    done = project.pytest("--ouro-experiment")
    assert "ouro: keep " in done.stdout
    told = doctor()
    assert told.words["journal"] == "runs recorded: 1, the chain is intact"
    assert told.words["ledger"] == "1 rows in results.tsv"
    assert (told.state["journal"], told.state["ledger"]) == ("ok", "ok")

    journal = project.path / ".git/ouro/journal.jsonl"
    journal.write_text(journal.read_text().replace('"cpu"', '"gpu"', 1))
    told = doctor()
    assert (told.status, told.state["journal"]) == (1, "fails")


def test_a_run_that_was_killed_is_told(doctor, project):
    case = open_case(project.path / "bound.toml")
    case.evidence.journal.append(
        {"event": "started", "run": "x", "pid": 2**22, "process": "gone", "worktree": ""}
    )

    told = doctor()

    assert told.state["journal"] == "weak"
    assert "1 ended without a record" in told.words["journal"]


def test_the_hook_that_is_next_stops_a_commit(doctor, project):
    told = doctor()
    assert told.state["pre-commit"] == "off"

    shutil.rmtree(project.path / ".git/hooks", ignore_errors=True)
    follow(project, told.next["pre-commit"])

    assert doctor().state["pre-commit"] == "ok"
    project.edit("prepare.py", "float(model)", "0.5")
    with pytest.raises(subprocess.CalledProcessError):
        follow(project, "git commit -qam 'widen eval'")


def test_a_hook_elsewhere_or_in_a_comment_is_seen_for_what_it_is(doctor, project):
    hook = project.path / "hooks/pre-commit"
    project.write({"hooks/pre-commit": "#!/bin/sh\n# pytest-ouro gate --staged\n"})
    hook.chmod(0o755)
    project.git("config", "core.hooksPath", "hooks")
    told = doctor()
    assert told.state["pre-commit"] == "off"
    assert told.words["pre-commit"] == "hooks/pre-commit does not run the gate"

    hook.write_text("#!/bin/sh\npytest-ouro gate --staged\n")
    assert doctor().state["pre-commit"] == "ok"
    hook.chmod(0o644)  # git runs none that is not executable
    assert doctor().state["pre-commit"] == "off"


def test_pre_commit_s_configuration_counts_once_it_is_installed(doctor, project):
    project.write({".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: ouro-gate\n"})
    told = doctor()
    assert (told.state["pre-commit"], told.next["pre-commit"]) == ("weak", "pre-commit install")

    project.write({".git/hooks/pre-commit": "#!/bin/sh\nexec pre-commit hook-impl\n"})
    (project.path / ".git/hooks/pre-commit").chmod(0o755)
    assert doctor().state["pre-commit"] == "ok"


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("pytest-ouro gate --trust $BASE", "ok"),
        ("python -I -m pytest_ouro gate --trust $BASE --head $HEAD", "ok"),
        ("pytest-ouro gate", "weak"),
        ("pytest", "off"),
    ],
)
def test_a_workflow_runs_the_gate_or_does_not(doctor, project, step, state):
    project.write({".github/workflows/test.yml": f"steps:\n# pytest-ouro gate\n- run: {step}\n"})

    assert doctor().state["ci"] == state


def test_agents_ask_the_guard_after_the_next_step(doctor, project):
    assert doctor().state["agents"] == "off"
    project.write({".claude/settings.json": "{}", ".cursor/hooks.json": "{}"})
    told = doctor()
    assert told.words["agents"] == "claude, cursor: edits without asking the guard"

    follow(project, told.next["agents"])
    assert doctor().state["agents"] == "ok"

    settings = project.path / ".claude/settings.json"
    settings.write_text(settings.read_text().replace("{", '{"disableAllHooks": true,', 1))
    assert doctor().words["agents"] == "claude: edits without asking the guard"


def test_the_same_user_is_no_other_party(doctor):
    told = doctor()

    assert told.state["user"] == "weak"
    assert f"belong to user {os.geteuid()}" in told.words["user"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_can_write_neither_rules_nor_records(project):
    case = open_case(project.path / "bound.toml")
    read, write = os.pipe()
    if not (child := os.fork()):
        os.setuid(65534)
        os.write(write, user_item(case, project.path / "bound.toml").text.encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 1000).decode() == (
        "ouro: doctor user: ok - user 65534 can write neither the rules nor the records"
    )
    os.close(read)
    os.close(write)
