"""``pytest-ouro`` itself: its version, its usage, its errors."""

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


def test_an_unknown_command_is_an_error_with_help(capsys):
    assert run(["gat"]) == 2
    assert capsys.readouterr().err == (
        "ouro: error: unknown command 'gat'; did you mean 'gate'?\n"
        "  help: pytest-ouro --help lists the commands\n"
    )
