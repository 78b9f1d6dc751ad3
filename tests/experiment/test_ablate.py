"""Ablation: what the tip of a night loses without each of its edits."""

import re
from types import SimpleNamespace

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.experiment.selection.ablate import ablate
from pytest_ouro.experiment.selection.edits import find_groups
from pytest_ouro.experiment.selection.ends import find_night

pytestmark = pytest.mark.usefixtures("fixed_salts")

#: A train.py with parts that edits change; its noise depends on the salt.
PARTS = """\
import random
from prepare import evaluate_bpb

a = 1.0

# the first part


b = 1.0

# the second part


c = 1.0

# the third part


random.seed(3)
val_bpb = evaluate_bpb(a + b + c + 0.01 * random.random() * {draws})
print(f"val_bpb: {{val_bpb:.6f}}")
"""


@pytest.fixture
def parts(lab):
    """Edit one line of train.py, commit and run it."""
    text = PARTS.format(draws=1)
    lab.commit(text)
    lab.run()

    def edit(old, new, message):
        nonlocal text
        assert old in text
        text = text.replace(old, new)
        lab.commit(text, message)
        result = lab.run()
        assert result.status == "keep", result.last_line
        return result.commit

    return edit


def case_of(lab):
    return open_case(lab.path / "bound.toml")


def names(groups):
    return [[edit.after.description for edit in group.edits] for group in groups]


@pytest.mark.tier(2)
def test_each_edit_has_its_worth(lab, parts):
    parts("a = 1.0", "a = 0.5", "halve a")
    parts("b = 1.0", "b = 0.9999999", "touch b")
    head = parts("c = 1.0", "c = 0.8", "lower c")
    found = ablate(case_of(lab), pairs=3)

    assert names(found.groups) == [["halve a"], ["touch b"], ["lower c"]]
    gains = [one.gain for one in found.statements]
    assert gains == pytest.approx([0.5, 1e-7, 0.2], abs=1e-9)
    assert (
        found.last_line
        == f"ouro: ablated groups=3 matter=3 hurt=0 needed=0 pairs=3 commit={head[:7]}"
    )
    assert [line.split(": ")[-1].split(" ", 1)[1] for line in found.lines()] == [
        "halve a",
        "lower c",
        "touch b",
    ]
    pair_runs = [run for run in lab.journal.runs() if run.purpose == "pair"]
    assert len(pair_runs) == 3 * (1 + 3), "the tip runs once with each salt"
    assert len({run.run for run in pair_runs if run.commit == head}) == 3
    lab.clean()


@pytest.mark.tier(2)
def test_an_edit_whose_gain_is_luck_is_not_shown_to_matter(lab, parts):
    parts("a = 1.0", "a = 0.5", "halve a")
    # Other draws: a lucky value of the search, and noise in every pair.
    parts("random.seed(3)", "random.seed(31)\nval_bpb = random.random()", "draw more")
    parts("b = 1.0", "b = 0.9", "lower b")
    found = ablate(case_of(lab), pairs=4)
    luck = found.statements[1]
    assert found.groups[1].edits[0].after.description == "draw more"
    assert luck.low < 0 < luck.high
    assert " matter=2 " in found.last_line


def test_edits_of_the_same_lines_are_one_group(lab, parts):
    parts("a = 1.0", "a = 0.9", "first a")
    parts("b = 1.0", "b = 0.9", "lower b")
    parts("a = 0.9", "a = 0.8", "second a")
    groups = find_groups(case_of(lab), find_night(case_of(lab)))
    # The first edit of `a` cannot be undone before the second: they go together.
    assert names(groups) == [["first a", "lower b", "second a"]]


def test_an_edit_on_which_a_later_one_depends_goes_with_it(lab, parts):
    parts("a = 1.0", "a = 0.9\ndef f(x): return x", "define f")
    parts("c = 1.0", "c = f(0.5)", "use f")
    groups = find_groups(case_of(lab), find_night(case_of(lab)))
    assert names(groups) == [["define f"], ["use f"]]


@pytest.mark.tier(2)
def test_a_group_without_which_the_tip_crashes_is_needed(lab, parts):
    parts("a = 1.0", "a = 0.9\ndef f(x): return x", "define f")
    head = parts("c = 1.0", "c = f(0.5)", "use f")
    found = ablate(case_of(lab), pairs=3)

    needed, other = found.statements
    assert (needed.gain, needed.pairs, len(needed.failed)) == (None, (), 2)
    assert needed.against == "2 of 2 runs without it failed (crash 2)"
    assert other.gain == pytest.approx(0.5)
    assert found.last_line == (
        f"ouro: ablated groups=2 matter=1 hurt=0 needed=1 pairs=3 commit={head[:7]}"
    )
    assert found.lines()[0].startswith("ouro: needed, 2 of 2 runs without it failed (crash 2): ")
    assert found.lines()[0].endswith(" define f")
    pair_runs = [run for run in lab.journal.runs() if run.purpose == "pair"]
    assert len([run for run in pair_runs if run.commit == head]) == 3, "the tip runs once a salt"
    assert len(pair_runs) == 3 + 3 + 2
    assert lab.journal.fault() is None
    lab.clean()


@pytest.mark.tier(2)
def test_a_crash_that_does_not_occur_again_is_made_good(lab, parts):
    mark = lab.path.parent / "mark"
    parts("b = 1.0", f"import os\nmark = {str(mark)!r}\nb = 0.9", "name the mark")
    parts("a = 1.0", "a = 0.5", "halve a")
    once = "if a == 1.0 and os.path.exists(mark): os.unlink(mark); raise SystemExit(3)"
    parts("# the third part", f"c = 0.5\n{once}", "stop once")
    group = find_groups(case_of(lab), find_night(case_of(lab)))[1]
    assert group.name.endswith("halve a")
    mark.touch()
    found = ablate(case_of(lab), pairs=2)
    one = found.statements[1]
    assert (len(one.failed), one.gain) == (1, pytest.approx(0.5))
    assert found.statements[0].gain == pytest.approx(0.1)
    assert lab.journal.fault() is None


@pytest.mark.tier(2)
def test_a_group_is_needed_if_one_salt_fails_twice(lab, parts):
    """Once with each salt is not enough, as each run is good when it is made again."""
    mark = lab.path.parent / "mark-"
    parts(
        "b = 1.0",
        f"import os\nmark = {str(mark)!r} + os.environ.get('OURO_SALT', '')\nb = 0.9",
        "mark",
    )
    parts("a = 1.0", "a = 0.5", "halve a")
    first = "if a == 1.0 and not os.path.exists(mark): open(mark, 'w'); raise SystemExit(3)"
    parts("# the third part", f"c = 0.5\n{first}", "stop at first")
    found = ablate(case_of(lab), pairs=2)
    one = found.statements[1]
    assert (len(one.failed), one.gain, one.against) == (2, pytest.approx(0.5), "")
    assert " needed=0 " in found.last_line
    assert lab.journal.fault() is None


def test_what_ends_a_run_from_outside_leaves_an_ablation_unfinished(lab, parts):
    parts("a = 1.0", "a = 0.5", "halve a")

    def interrupt(position):
        raise KeyboardInterrupt

    found = ablate(case_of(lab), pairs=2, progress=interrupt)
    assert found.statements == ()
    assert found.last_line.startswith("ouro: ablation-unfinished pairs=2 ")
    assert found.last_line.endswith(" reason=interrupted")
    again = ablate(case_of(lab), pairs=9)
    assert again.planned == 2, "it is continued"
    assert again.last_line.startswith("ouro: ablated groups=1 matter=")


def test_a_group_s_commit_is_the_tip_without_its_edits(lab, parts):
    parts("a = 1.0", "a = 0.5", "halve a")
    head = parts("c = 1.0", "c = 0.8", "lower c")
    groups = find_groups(case_of(lab), find_night(case_of(lab)))
    again = find_groups(case_of(lab), find_night(case_of(lab)))
    assert [group.without for group in groups] == [group.without for group in again]
    text = run_git("show", f"{groups[0].without}:train.py", cwd=lab.path).decode()
    assert "a = 1.0" in text
    assert "c = 0.8" in text
    message = run_git("log", "-1", "--format=%P%n%B", groups[0].without, cwd=lab.path).decode()
    assert message.startswith(head)
    assert "halve a" in message
    assert lab.project.git("rev-parse", "HEAD").strip() == head
    lab.clean()


def test_a_file_that_an_edit_deleted_is_executable_again(lab):
    def keep(message, **code):
        git = lab.project.git
        git("commit", "-qm", message)
        commit = git("rev-parse", "HEAD").strip()
        blobs = {path: git("rev-parse", f"HEAD:{path}").strip() for path in code.values()}
        return SimpleNamespace(commit=commit, description=message, code=blobs)

    lab.project.write({"tool.sh": "true\n"})
    lab.project.git("add", "--chmod=+x", "tool.sh")
    before = keep("add a tool", tool="tool.sh", script="train.py")
    lab.project.git("rm", "-qf", "tool.sh")
    tip = keep("drop the tool", script="train.py")

    [group] = find_groups(case_of(lab), [tip, before])

    assert lab.project.git("ls-tree", group.without, "tool.sh").startswith("100755 blob ")
    assert "The tip without 1 edit\n" in lab.project.git("log", "-1", "--format=%B", group.without)


def test_nothing_to_ablate(lab, parts):
    with pytest.raises(ExperimentError, match="still the last keep"):
        ablate(case_of(lab), pairs=2)


def test_the_command(lab, parts, last_line):
    parts("a = 1.0", "a = 0.5", "halve a")
    done = lab.project.pytest("--ouro-ablate", "--ouro-pairs", "2")
    assert done.returncode == 0, done.stdout
    assert re.fullmatch(
        r"ouro: ablated groups=1 matter=1 hurt=0 needed=0 pairs=2 commit=\w{7}", last_line(done)
    )
    assert re.search(r"ouro: gain 0\.500000 \(.* to .*\), matters: \w{7} halve a", done.stdout)
