"""A command without an evaluation: what it prints is the metric, at a level that says so."""

import pytest

#: Edits that turn the toy experiment into a command that prints its metric.
KEYS = (
    ('script    = "train.py"\n', ""),
    ('harness   = "prepare.py"\n', 'command = ["python", "{program}"]\n'),
    ('evaluate  = "evaluate_bpb"', 'level = "claimed"\nmetric-which = "last"'),
    ("budget    = 0.3", "budget    = 60"),
    ("timeout   = 20", "timeout   = 600"),
)
BENCH = "import train\n\nprint('val_bpb: 9')\nprint('val_bpb:', train.SIZE)\n"


@pytest.fixture
def alone(lab):
    """``alone(program)``: the toy experiment as ``python program``, blessed."""

    def alone(program):
        edits = [(old, new.format(program=program)) for old, new in KEYS]
        lab.bound(*edits, train_py="SIZE = 2.5\nprint('val_bpb:', SIZE)\n", prepare_py=BENCH)
        return lab

    return alone


def test_a_program_that_may_not_change_measures_supervised(alone):
    lab = alone("prepare.py")

    result = lab.run()

    assert (result.status, result.val_bpb, result.level) == ("keep", 2.5, "supervised")
    assert result.record["level_why"].startswith("the command prints the metric itself")
    assert lab.run("SIZE = 2.0").reason == "improved"
    lab.clean()


def test_a_program_that_may_change_only_claims(alone):
    result = alone("train.py").run()

    assert (result.status, result.val_bpb, result.level) == ("keep", 2.5, "claimed")
    assert result.record["level_why"].startswith("no fixed program measures")


@pytest.mark.parametrize("settings", ["config.json", "data/points.npz", "Makefile"])
def test_settings_and_data_that_may_not_change_measure_nothing(alone, settings):
    lab = alone(f'train.py", "{settings}')
    lab.bound(**{settings: "{}"})

    result = lab.run()

    assert (result.status, result.level) == ("keep", "claimed"), result.message


def test_without_a_line_of_the_metric_it_is_a_crash(alone):
    result = alone("prepare.py").run("SIZE = 'much'")

    assert result.status == "crash"
    assert "val_bpb: much" in result.message
