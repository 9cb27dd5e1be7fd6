"""The schemas of all event types as components of one document, as OpenAPI and AsyncAPI have them."""

from functools import cache
from typing import Any, Final

from events.schema import schema
from events.vocabulary import BY_TYPE

PLACE: Final = "#/components/schemas/"


@cache
def components() -> dict[str, dict[str, Any]]:
    """By name: each event type, and the shapes that they share."""
    found: dict[str, dict[str, Any]] = {}
    for type_ in BY_TYPE:
        whole = _moved(schema(type_))
        del whole["$schema"], whole["$id"]
        for name, shape in (whole.pop("$defs") | {type_: whole}).items():
            assert found.setdefault(name, shape) == shape, f"two shapes of events are called {name}; rename one"
    return found


def _moved(node: Any) -> Any:
    """The same schema, with what it refers to among the components."""
    if isinstance(node, list):
        return [_moved(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: item.replace("#/$defs/", PLACE) if key == "$ref" and isinstance(item, str) else _moved(item)
        for key, item in node.items()
    }
