"""What the command says before any of its commands is run."""

from importlib.metadata import version

from pytest_ouro.cli import run


def test_the_version_is_one_line(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"pytest-ouro {version('pytest-ouro')}\n"


def test_the_usage_names_every_command(capsys):
    assert run([]) == 0
    usage = capsys.readouterr().out
    assert all(
        f"  {name} " in usage for name in ("init", "gate", "bless", "guard", "doctor", "log")
    )
