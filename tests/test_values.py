"""The fast dataclasses behave like those of `dataclasses`, as far as they are used."""

import dataclasses
from functools import cached_property
from typing import ClassVar

import pytest

from pytest_ouro.core.fast_dataclass import dataclass, field, fields, replace
from pytest_ouro.core.problems import Problems
from pytest_ouro.core.schema import keys_of, option, read_table


def classes(dataclass, field):
    """Return the same two classes by either decorator."""

    @dataclass(frozen=True)
    class Point:
        kind: "ClassVar[str]" = "point"
        x: "int"
        y: "int" = 0
        facts: "dict[str, int]" = field(default_factory=dict)

        @cached_property
        def sum(self):
            return self.x + self.y

    @dataclass(frozen=True, kw_only=True)
    class Named:
        name: "str" = ""
        point: "Point"

        def __post_init__(self):
            if not self.name:
                raise ValueError("a name is missing")

    return Point, Named


@pytest.fixture(params=["ours", "original"])
def decorated(request):
    if request.param == "ours":
        return classes(dataclass, field)
    return classes(dataclasses.dataclass, dataclasses.field)


def test_fields_are_positional_or_named_and_have_defaults(decorated):
    Point, Named = decorated

    assert Point(1) == Point(x=1, y=0, facts={}) != Point(1, 2)
    assert Point(1) != (1, 0, {})
    assert Point(1).facts is not Point(1).facts
    assert Point(1, 2).sum == 3
    assert Named(name="a", point=Point(1)).point.x == 1
    assert Point.kind == "point"
    assert repr(Point(1)).endswith("Point(x=1, y=0, facts={})")


def test_equal_values_have_equal_hashes(decorated):
    Point, _ = decorated

    assert len({Point(1, 2, ()), Point(1, 2, ()), Point(2, 2, ())}) == 2


@pytest.mark.parametrize(
    ("args", "named"),
    [((), {}), ((1, 2, {}, 4), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((), {"y": 1})],
)
def test_unknown_and_missing_arguments_are_refused(decorated, args, named):
    Point, Named = decorated

    with pytest.raises(TypeError):
        Point(*args, **named)
    with pytest.raises(TypeError):
        Named("a", Point(1))


def test_errors_of_post_init_are_raised(decorated):
    Point, Named = decorated

    with pytest.raises(ValueError, match="a name is missing"):
        Named(point=Point(1))


def test_fields_are_frozen(decorated):
    Point, _ = decorated
    point = Point(1)

    with pytest.raises(AttributeError):
        point.x = 2
    with pytest.raises(AttributeError):
        del point.x
    assert point == Point(1)


@pytest.mark.parametrize("decorate", [dataclass, dataclasses.dataclass], ids=["ours", "original"])
def test_fields_of_a_class_that_is_not_frozen_may_change(decorate):
    @decorate(frozen=False)
    class Counter:
        count: "int" = 0

    counter = Counter()
    counter.count += 1

    assert counter == Counter(1)
    assert dataclasses.asdict(counter) == {"count": 1}
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)


@pytest.mark.parametrize("replace", [replace, dataclasses.replace], ids=["ours", "original"])
def test_replace_returns_a_changed_copy(replace):
    Point, Named = classes(dataclass, field)

    assert replace(Point(1, 2), y=5) == Point(1, 5)
    summed = Point(1, 2)
    assert summed.sum == 3
    assert replace(summed, y=5).sum == 6  # what was computed of the fields is computed again
    with pytest.raises(TypeError):
        replace(Point(1), z=1)
    with pytest.raises(ValueError, match="a name is missing"):
        replace(Named(name="a", point=Point(1)), name="")


def test_functions_of_dataclasses_accept_them():
    Point, Named = classes(dataclass, field)

    assert [f.name for f in dataclasses.fields(Point)] == ["x", "y", "facts"]
    assert dataclasses.asdict(Named(name="a", point=Point(1, facts={"b": 2}))) == {
        "name": "a",
        "point": {"x": 1, "y": 0, "facts": {"b": 2}},
    }


def test_either_kind_may_be_a_subclass():
    Point, _ = classes(dataclass, field)

    @dataclass(frozen=True)
    class Ours(Point):
        z: "int" = 3

    @dataclasses.dataclass(frozen=True)
    class Original(Point):
        z: "int" = 3

    for derived in (Ours, Original):
        assert [f.name for f in fields(derived)] == ["x", "y", "facts", "z"]
        assert (derived(1, 2).y, derived(1, 2).z, derived(1, 2).sum) == (2, 3, 3)


def test_a_dataclass_of_dataclasses_may_have_options():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Size:
        lines: int = option("how many")
        long_name: int = option("another", default=2)

    assert {key: f.required for key, f in keys_of(Size).items()} == {
        "lines": True,
        "long-name": False,
    }
    problems = Problems("f.toml", "")
    assert read_table(Size, {"lines": 3}, ("t",), problems) == Size(lines=3, long_name=2)
    assert read_table(Size, {"long-name": 3}, ("t",), problems) is None
    assert problems.sorted() == ("f.toml: [t] lacks the key 'lines'",)
