"""``init`` reads any text of instructions, programs and recipes without an error of its own."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_ouro.onboarding import sources
from pytest_ouro.onboarding.discover import metric, prose

WORDS = st.sampled_from(
    [
        *("```\n", "\n", " ", "|", "| a | b |\n", "- ", "# ", "**", "`", "`x.py`", "Edit ", ": "),
        *("never ", "only ", "Editable", "Yes", "python run.py", "&& ", "$ ", "&& ./x", "FOO=1"),
        *("metric ", "`recall@10`", "higher is better. ", "> run.log", "make ", "cd a && ", "'"),
        *("print(", "f'a: {x}'", "'a', x", ")", "{", "}", "%d", "<< ", '"a: "', ";", "go test ."),
        *("for k, v in d.items():\n    print(k, v)\n", "json.dumps(", "d", "d = {'a': 1}\n", "\\"),
        *("cargo bench", "npm run x", "just x", "x:\n\tpython y.py\n", "print(*x)", "=", "%(a)s"),
    ]
)
TEXTS = st.lists(WORDS, max_size=25).map("".join)


@example("```\n\n```\n")
@example("|\n|-|\n| Editable |\n")
@given(text=TEXTS)
def test_instructions(text):
    found = prose.read(text, "program.md")

    assert isinstance(found.is_loop, bool)
    assert found.direction("x") in ("", "lower", "higher")


@pytest.mark.parametrize("name", ["a.py", "a.rs", "a_test.go"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_programs(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert all(label.name for label in metric.printed_by(tmp_path, name))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=TEXTS, text=TEXTS)
def test_recipes(tmp_path, words, text):
    tracked = ["Makefile", "justfile", "package.json", "y.py", "a/b.sh"]
    for name in tracked[:3]:
        Path(tmp_path, name).write_text(text, encoding="utf-8")

    assert set(sources.sources_of((words,), tmp_path, tracked)) <= {*tracked}
