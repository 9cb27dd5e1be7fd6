"""Where mappings come from: those that ship with Salestream, by system, and files of your own."""

import re
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from services.importer.mapping import Mapping, MappingError

Loaded = TypeVar("Loaded", bound=BaseModel)

MAX_BYTES: Final = 1_000_000
_HIDDEN: Final = {"text", "fields", "constant"}
"""Keys that short forms stand for: nobody wrote them, so nobody is told of them."""
_KINDS: Final = {
    "string_type": "is no text; allowed: text",
    "list_type": "is no list; allowed: a list",
    "tuple_type": "is no list; allowed: a list",
    "dict_type": "is no mapping of keys; allowed: keys with values",
    "bool_parsing": "is neither true nor false; allowed: true, false",
    "bool_type": "is neither true nor false; allowed: true, false",
    "too_short": "is empty; allowed: one or more",
}


def systems() -> list[str]:
    """The systems that a mapping ships for."""
    folder = resources.files("services.importer") / "mappings"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def mapping_for(system: str, path: Path | None) -> tuple[str, Mapping]:
    """The name and the mapping of a file of your own, or of a system that one ships for. Raises MappingError."""
    if path is not None:
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise MappingError(
                f"the mapping {path} cannot be read: {(error.strerror or str(error)).lower()}"
            ) from error
        return path.name, load(path.name, raw)
    if system not in systems():
        raise MappingError(
            f"{system!r} has no mapping that ships with Salestream; allowed: {', '.join(systems())}, "
            "or a mapping of your own with --mapping FILE"
        )
    name = f"{system}.yaml"
    return name, load(name, (resources.files("services.importer") / "mappings" / name).read_bytes())


def load(name: str, raw: bytes) -> Mapping:
    """The mapping that is written in a file. Raises MappingError, with the file, the key and what is allowed."""
    return load_as(Mapping, name, raw, "docs/mappings.md")


def load_as(kind: type[Loaded], name: str, raw: bytes, page: str) -> Loaded:
    """What is written in a YAML file, checked as a whole; ``page`` describes it for people. Raises MappingError."""
    if len(raw) > MAX_BYTES:
        raise MappingError(f"{name}: is {len(raw)} bytes; allowed: at most {MAX_BYTES}")
    try:
        told = yaml.load(raw.decode("utf-8-sig"), _Loader)
    except UnicodeDecodeError:
        raise MappingError(f"{name}: is not UTF-8; allowed: a mapping in YAML, in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = (error.problem or error.context or "cannot be read").strip()
        raise MappingError(f"{name}:{line} is not YAML ({problem}); allowed: a mapping in YAML") from None
    except (yaml.YAMLError, RecursionError):
        raise MappingError(f"{name}: is not YAML; allowed: a mapping in YAML") from None
    try:
        return kind.model_validate(told)
    except ValidationError as error:
        raise MappingError(f"{name}: {_sentence(error.errors(include_url=False)[0], page)}") from None


def _sentence(error: ErrorDetails, page: str) -> str:
    problem = error["msg"] if error["type"] == "word" else _KINDS.get(error["type"])
    if error["type"] == "literal_error":
        problem = f"is not known; allowed: {error['ctx']['expected'].replace(' or ', ', ')}"
    return f"{_path(error['loc'])} {problem or f'cannot be read; allowed: what {page} says'}"


def _path(loc: tuple[int | str, ...]) -> str:
    """``rows.events[3].data.amount``; entries of lists are counted from 1."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part + 1}]"
        elif part not in _HIDDEN and part != "[key]":
            path += f".{part}" if path else str(part)
    return path or "the mapping"


class _Loader(yaml.SafeLoader):
    """YAML in which only what plainly is a whole number, true, false or nothing is no text: ``NO``, ``1.10``, ``007``
    and ``2026-11-30`` stay what was written. A key may stand once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is no text", key.start_mark)
            if key.value in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"(?:true|false)\Z", "tf"),
    ("int", r"(?:0|-?[1-9][0-9]{0,17})\Z", "-0123456789"),
    ("null", r"(?:~|null|)\Z", ["~", "n", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
