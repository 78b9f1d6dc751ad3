"""Dataclasses that are fast to define, for all values that a gate or an experiment uses.

`dataclasses` imports `inspect`, and compiles the methods of every class, which took half the
time of a gate. Here the methods are closures. Type checkers see the original decorator, and
`dataclasses.replace`, `asdict` and `fields` accept these classes: the attributes that they read
are computed on demand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

#: The default of a field that has none.
MISSING: Any = object()


class Field:
    """One field of a dataclass. If it is a key of a file format, ``help`` says what the key means,
    and ``limits`` (a `schema.Limits` or None) which values are allowed.

    ``metadata`` is a dict in which the code that uses the dataclass may keep anything, as in
    `dataclasses`.
    """

    def __init__(
        self,
        *,
        name: str = "",
        default: Any = MISSING,
        default_factory: Any = MISSING,
        help: str = "",
        limits: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name, self.default, self.default_factory = name, default, default_factory
        self.help, self.limits = help, limits
        self.metadata: Mapping[str, Any] = metadata or {}

    @property
    def required(self) -> bool:
        """Whether the field has neither a default nor a default factory."""
        return self.default is MISSING and self.default_factory is MISSING

    def __set_name__(self, owner: type, name: str) -> None:
        """Set the field's name to that of the class's attribute."""
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        """Return the default: `dataclasses` reads it as an attribute of the class. Raise
        AttributeError if there is no default value."""
        if self.default is MISSING:
            raise AttributeError(self.name)
        return self.default


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    field = Field

    def replace(value: T, /, **changes: Any) -> T:
        """Return a copy of ``value`` with these fields changed; ``__post_init__`` is called if the
        class has one. Raise TypeError for a name that is not a field."""
        cls = type(value)
        names = vars(cls).get("__names__")
        if names is None or hasattr(cls, "__post_init__") or not changes.keys() <= names:
            now = {field.name: getattr(value, field.name) for field in fields(cls)}
            return cls(**{**now, **changes})
        copy = cls.__new__(cls)  # this is several times as fast as `__init__`
        state = vars(copy)
        state.update(vars(value))
        for other in state.keys() - names:  # such as what a cached_property keeps
            del state[other]
        state.update(changes)
        return copy

    def dataclass(*, frozen: bool, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
        """Return a decorator that makes a class a dataclass, as `dataclasses.dataclass` does; its
        annotations must be texts (``from __future__ import annotations``). With ``kw_only``, fields
        are passed by name only. A mutable default is not refused, and instances share it."""
        return lambda cls: _add_methods(cls, frozen=frozen, kw_only=kw_only)


def fields(cls: type) -> tuple[Field, ...]:
    """Return the fields of a dataclass of this module, or of a class derived from one, inherited
    ones first. Of a class of `dataclasses`, return those that its ``__init__`` takes, converted to
    `Field`; () for any other class."""
    if not isinstance(vars(cls).get("__dataclass_fields__"), dict):
        found: tuple[Field, ...] = getattr(cls, "__fields__", ())
        return found
    import dataclasses

    return tuple(_convert(cls, field) for field in dataclasses.fields(cls) if field.init)


def _convert(cls: type, original: Any) -> Field:
    """Convert a field of `dataclasses` to a `Field`. If the class, or else its nearest base with an
    attribute of the field's name, has a `Field` as that attribute, return this `Field`."""
    name, metadata = original.name, original.metadata
    stated = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    if isinstance(stated, Field):
        return stated
    import dataclasses

    default = _default(original, dataclasses.MISSING)
    return Field(name=name, help=metadata.get("help", ""), metadata=metadata, **default)


def _default(field: Any, missing: object) -> dict[str, Any]:
    """Return ``default`` and ``default_factory`` of a field as keyword arguments, without those
    that are ``missing``, which is `MISSING` for a `Field` of this module and `dataclasses.MISSING`
    for a field of `dataclasses`."""
    given = {"default": field.default, "default_factory": field.default_factory}
    return {key: value for key, value in given.items() if value is not missing}


def _add_methods(cls: type[T], *, frozen: bool, kw_only: bool) -> type[T]:
    """Add the fields and the methods of a dataclass to the class, and return the same class. With
    ``frozen``, attributes of its instances cannot be set or deleted, and the instances have a hash;
    with ``kw_only``, ``__init__`` takes no positional arguments."""
    own = [_own(cls, name) for name, hint in cls.__annotations__.items() if "ClassVar" not in hint]
    every = tuple({field.name: field for field in (*fields(cls), *own)}.values())
    methods = {
        "__fields__": every,
        "__names__": frozenset(field.name for field in every),
        "__init__": _initialiser(cls, every, kw_only=kw_only),
        "__repr__": _repr,
        "__eq__": _eq,
        "__hash__": _hash if frozen else None,
        "__dataclass_fields__": _Original("__dataclass_fields__", frozen, kw_only),
        "__dataclass_params__": _Original("__dataclass_params__", frozen, kw_only),
    }
    if frozen:
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


def _own(cls: type, name: str) -> Field:
    """Return the field ``name``, which the class body declares by an annotation. It is the `Field`
    that the body assigns, or else a new `Field` with the assigned value as its default, required if
    there is no value.

    If the body assigns a `Field`, replace the class's attribute by the default of the field, or
    delete the attribute if there is no default.
    """
    stated = vars(cls).get(name, MISSING)
    if not isinstance(stated, Field):
        return Field(name=name, default=stated)
    if stated.default is MISSING:
        delattr(cls, name)
    else:
        setattr(cls, name, stated.default)
    return stated


def _initialiser(cls: type, every: tuple[Field, ...], *, kw_only: bool) -> Callable[..., None]:
    """Return an ``__init__`` that sets the fields ``every``, then calls ``__post_init__`` if
    ``cls`` has one.

    It raises TypeError if a field gets no value or two, for an unknown argument, and with
    ``kw_only`` for a positional one.
    """
    names = [field.name for field in every]
    places = () if kw_only else tuple(names)
    defaults = {field.name: field.default for field in every if field.default is not MISSING}
    factories = {f.name: f.default_factory for f in every if f.default_factory is not MISSING}
    known = frozenset(names)
    has_post_init = hasattr(cls, "__post_init__")

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        placed = dict(zip(places, args, strict=False))
        values = {**defaults, **placed, **named}
        for name, make in factories.items():
            if name not in values:
                values[name] = make()
        twice = placed and named and not placed.keys().isdisjoint(named)
        if values.keys() != known or len(args) > len(places) or twice:
            raise TypeError(f"{cls.__name__} takes {', '.join(names)}; given: {args}, {named}")
        vars(self).update(values)
        if has_post_init:
            self.__post_init__()

    return __init__


def _values(self: Any) -> tuple[Any, ...]:
    """Return the values of the instance's fields, in the order of the fields."""
    state = vars(self)
    return tuple([state[field.name] for field in self.__fields__])


def _repr(self: Any) -> str:
    """Return ``Class(field=value, …)``."""
    words = [f"{field.name}={getattr(self, field.name)!r}" for field in self.__fields__]
    return f"{type(self).__qualname__}({', '.join(words)})"


def _eq(self: Any, other: object) -> bool:
    """Return whether all fields are equal; NotImplemented if ``other`` is not of exactly the same
    class."""
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    """Return a hash of all fields' values. Raise TypeError if one is not hashable."""
    return hash(_values(self))


def _refuse(self: Any, name: str, value: object = None) -> None:
    """Raise AttributeError, since no attribute of a frozen instance can be set or deleted."""
    raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be changed")


class _Original:
    """A descriptor for an attribute that `dataclasses` reads of a class, ``name``
    (``__dataclass_fields__`` or ``__dataclass_params__``). At each access, it makes a class of the
    same fields and options with `dataclasses` and returns the attribute of that class."""

    def __init__(self, name: str, frozen: bool, kw_only: bool) -> None:
        self._name, self._frozen, self._kw_only = name, frozen, kw_only

    def __get__(self, instance: object, owner: type) -> Any:
        """Return the attribute of an equal class that is made with `dataclasses`."""
        import dataclasses

        equal = dataclasses.make_dataclass(
            owner.__name__,
            [(f.name, "object", _original(f)) for f in fields(owner)],
            frozen=self._frozen,
            kw_only=self._kw_only,
        )
        return getattr(equal, self._name)


def _original(field: Field) -> Any:
    """Convert a `Field` to a field of `dataclasses`, with its default or factory and its metadata,
    to which its help is added as ``help``."""
    import dataclasses

    metadata = {"help": field.help, **field.metadata}
    return dataclasses.field(**_default(field, MISSING), metadata=metadata)
