"""The catalogue of events as a page: ``events/README.md`` is generated from the classes."""

import json
from inspect import cleandoc
from itertools import groupby
from sys import modules
from typing import Any, Final

from events.base import Dimensioned, SalesEvent
from events.codec import as_dict
from events.deals import DealWon
from events.envelope import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES
from events.fields import EventField, fields_of, meanings
from events.samples import full_sample, sample, told
from events.vocabulary import EVENTS

_OPENING: Final = f"""
# Events: what happened

<!-- Generated from the classes in this folder by `make docs`; edit those. -->

Every sales fact is told once, as one event. Events are added, never edited; the journal keeps them as they were
told, and every number follows from them. {len(EVENTS)} types are known; a new one is a class in the file of its theme
and its name in that file's `EVENTS`.

## The envelope

An event is a [CloudEvent 1.0](https://cloudevents.io) in JSON:

```json
{{envelope}}
```

| attribute | | |
|---|---|---|
| `specversion` | required | `"1.0"` |
| `id`, `source` | required | names; with the tenant they are the event's identity |
| `type` | required | one of those below |
| `time` | required | RFC 3339 with an offset: when it *occurred*. From 1900 to 24 hours ahead |
| `data` | required | an object with the fields of the type; an unknown field is refused by name |
| `subject` | | filled in with the id of the entity that the event is about |
| `dataschema` | | `urn:salestream:<type>:<version>`; absent: the newest version |
| `tenant` | | whose books; 1-64 characters of a-z, 0-9, `_` and `-`. Absent: `default` |
| `recordedtime` | | when it became known; honoured from an importer only, never in the future |
| `correlationid`, `causationid` | | kept as they are, as any other attribute named in a-z and 0-9 |
| `inferred` | | `true`: reconstructed by a reconciliation, not told by the source |
| `currencyfrom` | | `"tenant"`, in exports: the currency was not told, it is the tenant's |

An attribute or field that is `null` is absent. A name that stands twice in one JSON object is refused. An event has at
most {MAX_EVENT_BYTES // 1024} KiB, a batch {MAX_BATCH_EVENTS:,} events or {MAX_BATCH_BYTES // 2**20} MiB. A refusal is
one sentence: the field, what is wrong, what is allowed.

The same identity told again with the same content is a *duplicate* and counts nothing; with other content it is a
*conflict* and refused. Content is the type, the moment and the data. `"12000.5"` and `"12000.50"` are the same, so are
one moment in two time zones, and a default told aloud or left out. A currency left out and the same one told are not.
""".strip()

_WORDS: Final = """
## Words

{words}

An amount that names no currency is in the tenant's. A JSON float is refused as an amount, quantity or rate: digits
would be lost.
""".strip()

_DIMENSIONS: Final = """
## Dimensions

Types marked **+dims** may tell whose an event is and where it belongs. Every type may have `attributes`, free
dimensions of your own: {attributes}.

{example}
""".strip()


def page() -> str:
    """The whole page, in Markdown."""
    envelope = json.dumps(told(sample(DealWon, amount="12000.50"), id="evt-1"), ensure_ascii=False, indent=2)
    themes = groupby(EVENTS, key=lambda event: event.__module__)
    parts = [
        _OPENING.replace("{envelope}", envelope),
        _overview(),
        _words(),
        _dimensions(),
        *(_theme(modules[name].__doc__ or "", list(events)) for name, events in themes),
    ]
    return "\n\n".join(parts) + "\n"


def _overview() -> str:
    lines = ["## All types", "", "| type | 中文 | about a | what happened |", "|---|---|---|---|"]
    for event in EVENTS:
        first = _meaning(event).partition("\n\n")[0]
        lines.append(f"| [`{event.TYPE}`](#{_anchor(event)}) | {event.ZH} | {event.KIND} | {first} |")
    return "\n".join(lines)


def _words() -> str:
    shapes = {shape for event in EVENTS for shape in (event, *(field.inner for field in fields_of(event))) if shape}
    words = {field.word: field.allowed for shape in shapes for field in fields_of(shape) if field.word}
    lines = [f"| {word} | {words[word]} |" for word in sorted(words)]
    return _WORDS.format(words="\n".join(["| word | allowed |", "|---|---|", *lines]))


def _dimensions() -> str:
    common = fields_of(Dimensioned)
    example = _code({field.name: field.example for field in common})
    return _DIMENSIONS.format(attributes=common[-1].allowed, example=example)


def _theme(doc: str, events: list[type[SalesEvent]]) -> str:
    title, _, rest = cleandoc(doc).partition(":")
    return "\n\n".join([f"## {title}", _sentence(rest), *(_section(event) for event in events)])


def _section(event: type[SalesEvent]) -> str:
    example = {name: value for name, value in as_dict(full_sample(event)).items() if name in event.__annotations__}
    return "\n\n".join([f"### {_title(event)}", _meaning(event), _fields(event), _code(example)])


def _fields(event: type[SalesEvent]) -> str:
    meaning = meanings(event)
    lines = ["| field | allowed | |", "|---|---|---|"]
    for field in fields_of(event):
        if field.name in event.__annotations__:
            lines.append(_row(_name(field), field, meaning))
            lines += _inner(field)
    if issubclass(event, Dimensioned):
        lines.append("| **+dims** | | |")
    return "\n".join(lines)


def _inner(field: EventField) -> list[str]:
    if field.inner is None:
        return []
    return [_row(f"{field.name} › {_name(part)}", part, meanings(field.inner)) for part in fields_of(field.inner)]


def _row(name: str, field: EventField, meaning: dict[str, str]) -> str:
    return f"| {name} | {field.word or field.allowed} | {_notes(field, meaning.get(field.name, ''))} |"


def _code(value: Any) -> str:
    return f"```json\n{_json(value)}\n```"


def _name(field: EventField) -> str:
    return f"`{field.name}`" + ("\\*" if field.required else "")


def _notes(field: EventField, meaning: str) -> str:
    default = "" if field.default in (None, False) else f"Absent: `{_json(field.default)}`."
    personal = "**Personal**: sealed before it is stored." if field.personal else ""
    return " ".join(" ".join([meaning, default, personal]).split())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _title(event: type[SalesEvent]) -> str:
    return f"{event.TYPE} · {event.ZH}"


def _anchor(event: type[SalesEvent]) -> str:
    """The name that Markdown gives to the section."""
    return _title(event).replace(".", "").replace("·", "").replace(" ", "-")


def _meaning(event: type[SalesEvent]) -> str:
    return cleandoc(event.__doc__ or "").replace("``", "`")


def _sentence(text: str) -> str:
    text = text.strip().replace("``", "`")
    return text[:1].upper() + text[1:]
