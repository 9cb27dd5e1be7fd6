"""What the fields of an event are, read from their types: refusals, samples, schema and catalogue build on it."""

import ast
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc, get_annotations, getsource
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, get_args, get_origin, get_type_hints

import msgspec
from pydantic.fields import FieldInfo

from events.base import Shape
from events.words import Allowed, Personal

NO_EXAMPLE = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventField:
    """One field of an event, or of an object within one."""

    name: str
    required: bool
    default: Any
    personal: bool
    allowed: str
    """What it allows, in words."""
    word: str
    """The short name of that, where there is one."""
    example: Any
    """A valid value as it stands in JSON, or ``NO_EXAMPLE``."""
    inner: type | None
    """The class of the object, or of the objects in the list, that it holds."""


def is_shape(shape: Any) -> TypeGuard[type[Shape]]:
    """Whether this is the class of an event, or of an object within one."""
    return isinstance(shape, type) and issubclass(shape, Shape)


def fields_of(shape: type) -> tuple[EventField, ...]:
    """The fields of an event, or of an object within one: its own, the common dimensions, ``attributes``."""
    return _fields_of(shape)


@cache
def _fields_of(shape: type) -> tuple[EventField, ...]:
    assert is_shape(shape)
    hints = get_type_hints(shape, include_extras=True)
    present = {field.name: field.default for field in msgspec.structs.fields(shape)}
    nearest = dict.fromkeys(name for owner in shape.__mro__ for name in get_annotations(owner))
    return tuple(_field(name, hints[name], present[name]) for name in nearest if name in present)


def meanings(shape: type) -> dict[str, str]:
    """What is written below the fields of an event in the source text: field to sentences."""
    found: dict[str, str] = {}
    for owner in reversed([base for base in shape.__mro__ if is_shape(base)]):
        (tree,) = ast.parse(getsource(owner)).body
        assert isinstance(tree, ast.ClassDef)
        for line, below in pairwise(tree.body):
            match line, below:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(text))):
                    found[name] = cleandoc(text).replace("``", "`")
    return found


def _field(name: str, hint: Any, default: Any) -> EventField:
    marks: list[Any] = []
    base = _unwrapped(hint, marks)
    allowed = next((mark for mark in reversed(marks) if isinstance(mark, Allowed)), None) or _derived(base)
    inner = next((part for part in (base, *get_args(base)) if is_shape(part)), None)
    examples = [mark.examples[0] for mark in marks if isinstance(mark, FieldInfo) and mark.examples]
    return EventField(
        name=name,
        required=default is msgspec.NODEFAULT,
        default=None if default is msgspec.NODEFAULT else default,
        personal=Personal() in marks or any(field.personal for field in (fields_of(inner) if inner else ())),
        allowed=allowed.words,
        word=allowed.word,
        example=examples[-1] if examples else _derived_example(base),
        inner=inner,
    )


def _unwrapped(hint: Any, marks: list[Any]) -> Any:
    """The bare type of a field that may be absent; its marks are collected, the outermost last."""
    if get_origin(hint) is Annotated:
        bare = _unwrapped(get_args(hint)[0], marks)
        marks.extend(hint.__metadata__)
        return bare
    if isinstance(hint, UnionType) or NoneType in get_args(hint):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
        return _unwrapped(hint, marks)
    return hint


def _derived(base: Any) -> Allowed:
    if get_origin(base) is Literal:
        return Allowed(", ".join(get_args(base)))
    if base is bool:
        return Allowed("true or false")
    assert is_shape(base), f"{base} in a field: add Allowed(…), so that a refusal can say what is allowed"
    return Allowed("an object with " + ", ".join(base.__struct_fields__))


def _derived_example(base: Any) -> Any:
    if get_origin(base) is Literal:
        return get_args(base)[0]
    if base is bool:
        return False
    if is_shape(base):
        return {field.name: field.example for field in fields_of(base)}
    return NO_EXAMPLE
