import pytest

from pytest_ouro.core.foreign_json import table, tables


@pytest.mark.parametrize("value", [None, 1, "a", [], [{"a": {}}], {"a": 1}, {"a": [{"b": {}}]}])
def test_what_has_another_form_is_absent(value):
    assert table(value, "a", "b") == {}
    assert tables(value, "a", "b") == []


def test_parts_are_found_by_their_names():
    value = {"a": {"b": [{"c": 1}, 2, {"d": 3}]}}

    assert table(value) == value
    assert table(value, "a") == value["a"]
    assert tables(value, "a", "b") == [{"c": 1}, {"d": 3}]
    assert tables([{"c": 1}, None]) == [{"c": 1}]
