"""The only door between bytes and events.

``decode`` validates what is told, once, at the border; ``read`` trusts the journal and is fast. A refusal is one
sentence that names the field, what is wrong with it and what is allowed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter, ValidationError

from events import strict_json
from events.base import SalesEvent
from events.envelope import (
    DEFAULT_TENANT,
    MAX_AHEAD_MS,
    MAX_EVENT_BYTES,
    RFC_3339,
    TENANT,
    Entry,
    Fact,
    Told,
    to_ms,
    to_text,
)
from events.fields import fields_of
from events.personal import ERASED, PERSONAL, SEALED, TOKEN
from events.refusals import named, refusal, shown
from events.upcasts import UPCASTS, upcast
from events.vocabulary import EVENTS
from events.words import NAME_WORDS, is_name, json_kind, minor_text


class InvalidEvent(Exception):
    """An event that is refused. ``field`` is where, ``problem`` is what and what would be allowed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


class UnknownEvent(Exception):
    """A journalled event that this version does not know: a newer one wrote it."""


def schema_urn(event: type[SalesEvent]) -> str:
    """``urn:salestream:deal.won:1``"""
    return f"urn:salestream:{event.TYPE}:{event.VERSION}"


@dataclass(frozen=True, slots=True)
class _Form:
    """All that is known beforehand of one event type."""

    event: type[SalesEvent]
    urn: str
    read: Callable[[bytes], Any]
    names: tuple[str, ...]
    defaults: dict[str, Any]
    """What a field means that is not told; fields whose default is nothing are left out."""
    money: tuple[str, ...]


def _form(event: type[SalesEvent]) -> _Form:
    for version in range(1, event.VERSION):
        assert (event.TYPE, version) in UPCASTS, f"{event.TYPE}: add its step from version {version} to UPCASTS"
    known = fields_of(event)
    names = tuple(field.name for field in known)
    stored = msgspec.defstruct("Stored", [("data", event), ("dataschema", str)])
    return _Form(
        event=event,
        urn=schema_urn(event),
        read=msgspec.json.Decoder(stored).decode,
        names=names,
        defaults={field.name: field.default for field in known if field.default is not None},
        money=tuple(name for name in ("amount", "cost") if name in names),
    )


@cache
def _validator(event: type[SalesEvent]) -> Callable[[dict[str, Any]], SalesEvent]:
    """Made when it is first needed: who only reads a journal needs none."""
    return TypeAdapter(event).validator.validate_python


_FORMS: Final = {event.TYPE: _form(event) for event in EVENTS}
_ASSUMED: Final = "currencyfrom"
"""The extension that says ``tenant`` where the currency was not told but is the tenant's."""
_ENVELOPE: Final = {
    *("specversion", "id", "source", "type", "time", "data", "datacontenttype", "dataschema", "subject"),
    *("tenant", "recordedtime", _ASSUMED),
}
"""The attributes that mean something to the codec; others are kept as they are."""
_MOMENT: Final = 'RFC 3339 with an offset, such as "2026-11-22T09:30:00+08:00"'
_encode: Final = msgspec.json.Encoder().encode
_encode_sorted: Final = msgspec.json.Encoder(order="deterministic").encode


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object in ``raw``. Raises InvalidEvent for anything else, also where a name stands twice."""
    if len(raw) > MAX_EVENT_BYTES:
        raise InvalidEvent("event", f"is {len(raw)} bytes; allowed: at most {MAX_EVENT_BYTES}")
    try:
        told = strict_json.parse(raw)
    except strict_json.NotStrict as error:
        raise InvalidEvent("event", str(error)) from None
    if not isinstance(told, dict):
        raise InvalidEvent("event", f"is {json_kind(told)}; allowed: one CloudEvent as a JSON object")
    return told


def decode(told: dict[str, Any], *, now_ms: int, currency: str, importer: bool = False) -> Told:
    """A parsed structured CloudEvent as a valid event.

    ``currency`` is the tenant's, for amounts that name none. ``importer`` honours ``recordedtime``.
    An attribute that is null is absent. Raises InvalidEvent.
    """
    if told.get("specversion") != "1.0":
        raise InvalidEvent("specversion", _given(told.get("specversion"), '"1.0"'))
    id_, source = _name(told, "id"), _name(told, "source")
    form = _form_of(told.get("type"))
    at_ms = _moment(told, "time")
    if at_ms > now_ms + MAX_AHEAD_MS:
        latest = to_text(now_ms + MAX_AHEAD_MS)
        raise InvalidEvent("time", f"lies more than 24 h in the future; allowed: up to {latest}")
    tenant = _tenant(told)
    extensions = _extensions(told)
    data, content = _valid(told, form)
    if SEALED in extensions:
        _check_sealed(extensions[SEALED], form, content)
    assumed = _assumed(told)
    digest = _digest(form, at_ms, content, assumed)
    if _settle_money(data, content, form.money, currency) or assumed:
        extensions[_ASSUMED] = "tenant"
    subject = _subject(told, data, source, id_)
    body = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": form.event.TYPE,
        "time": told["time"],
        "subject": subject,
        "tenant": tenant,
        "datacontenttype": "application/json",
        "dataschema": form.urn,
        **extensions,
        "data": {**form.defaults, **content},
    }
    return Told(
        tenant=tenant,
        source=source,
        id=id_,
        type=form.event.TYPE,
        at_ms=at_ms,
        subject=subject,
        digest=digest,
        body=_encode(body),
        recorded_ms=_recorded(told, now_ms) if importer else None,
        data=data,
    )


def _form_of(type_: Any) -> _Form:
    form = _FORMS.get(type_) if isinstance(type_, str) else None
    if form is None:
        raise InvalidEvent("type", _given(type_, ", ".join(_FORMS)))
    return form


def _tenant(told: dict[str, Any]) -> str:
    tenant = told.get("tenant")
    if tenant is None:
        return DEFAULT_TENANT
    if not isinstance(tenant, str) or not TENANT.match(tenant):
        raise InvalidEvent("tenant", _given(tenant, "1-64 characters of a-z, 0-9, _ and -"))
    return tenant


def _subject(told: dict[str, Any], data: SalesEvent, source: str, id_: str) -> str:
    subject = entity_id(data, source, id_)
    given = told.get("subject")
    if given is None or given == subject:
        return subject
    if data.ENTITY is not None or not isinstance(given, str):
        allowed = f"absent, or the data's {data.ENTITY}" if data.ENTITY else "absent, or text"
        raise InvalidEvent("subject", f"is not the event's entity; allowed: {allowed}")
    return subject


def _extensions(told: dict[str, Any]) -> dict[str, str | int | bool]:
    """The attributes that are kept as they are, in one order whatever the order in which they were told."""
    kept: dict[str, str | int | bool] = {}
    if told.keys() <= _ENVELOPE:
        return kept
    for name in sorted(told.keys() - _ENVELOPE):
        value = told[name]
        if not (name.isascii() and name.isalnum() and name.islower() and len(name) <= 20):
            allowed = "names of 1-20 characters a-z and 0-9, and the payload as an object in data"
            raise InvalidEvent(named(name), f"is not an attribute of CloudEvents; allowed: {allowed}")
        if value is not None:
            kept[name] = _extension(name, value)
    return kept


def _check_sealed(token: Any, form: _Form, content: dict[str, Any]) -> None:
    """Personal fields of an exported event, sealed as the journal had them."""
    marked = PERSONAL.get(form.event.TYPE, ())
    if not isinstance(token, str) or (token != ERASED and not TOKEN.match(token)) or not marked:
        raise InvalidEvent(SEALED, "is not as a journal seals personal fields; allowed: absent")
    if beside := [name for name in marked if name in content]:
        raise InvalidEvent(SEALED, f"stands beside data.{beside[0]}; allowed: one of them")


def _extension(name: str, value: Any) -> str | int | bool:
    if name == "inferred":
        # Kafka and HTTP headers carry text only.
        flag = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        if isinstance(flag, bool):
            return flag
        raise InvalidEvent(name, _given(value, "true or false"))
    if name == SEALED and isinstance(value, str):
        return value
    if is_name(value) or isinstance(value, bool) or (type(value) is int and -(2**31) <= value < 2**31):
        return value  # type: ignore[no-any-return]
    raise InvalidEvent(name, f"is not allowed so; allowed: {NAME_WORDS}, true, false or a 32-bit integer")


def _assumed(told: dict[str, Any]) -> bool:
    """Whether the event, an exported one, says that its currency was not told."""
    value = told.get(_ASSUMED)
    if value not in (None, "tenant"):
        raise InvalidEvent(_ASSUMED, _given(value, "tenant, where the currency is the tenant's, or absent"))
    return value is not None


def _valid(told: dict[str, Any], form: _Form) -> tuple[SalesEvent, dict[str, Any]]:
    """The data of an event, and what it tells, field by field, as it stands in JSON."""
    data = told.get("data")
    if not isinstance(data, dict):
        raise InvalidEvent("data", f"is {_kind(data)}; allowed: an object with the fields of {form.event.TYPE}")
    media = told.get("datacontenttype")
    if media not in (None, "application/json") and not _is_json(media):
        raise InvalidEvent("datacontenttype", _given(media, "application/json or absent"))
    version = _version(told, form)
    if version < form.event.VERSION:
        data = _upcast_told(form, version, data)
    try:
        valid = _validator(form.event)(data)
    except ValidationError as error:
        raise InvalidEvent(*refusal(error.errors(include_url=False)[0], form.event)) from None
    if misfit := valid.misfit():
        raise InvalidEvent(f"data.{misfit[0]}", misfit[1])
    return valid, _present(valid, data)


def _upcast_told(form: _Form, version: int, data: dict[str, Any]) -> dict[str, Any]:
    try:
        return upcast(form.event.TYPE, version, form.event.VERSION, data)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        # A step trusts the shape of its version, and nobody has checked what was told yet.
        problem = f"is not of version {version}; allowed: the shape that dataschema names"
        raise InvalidEvent("data", problem) from None


def _is_json(media: Any) -> bool:
    kind = media.partition(";")[0].strip().lower() if isinstance(media, str) else ""
    return kind == "application/json" or kind.endswith("+json")


def _version(told: dict[str, Any], form: _Form) -> int:
    urn = told.get("dataschema")
    if urn is None or urn == form.urn:
        return form.event.VERSION
    prefix = f"urn:salestream:{form.event.TYPE}:"
    tail = urn[len(prefix) :] if isinstance(urn, str) and urn.startswith(prefix) else ""
    if tail not in (str(version) for version in range(1, form.event.VERSION)):
        raise InvalidEvent("dataschema", _given(urn, f"{prefix}1 to {form.urn}, or absent"))
    return int(tail)


def _present(shape: Any, names: Any) -> dict[str, Any]:
    """The fields of ``shape`` among ``names`` as they stand in JSON, without what is absent."""
    present = {}
    for name in names:
        value = getattr(shape, name)
        if type(value) is str:
            present[name] = value
        elif value is not None:
            present[name] = _bare(value)
    return present


def _bare(value: Any) -> Any:
    if isinstance(value, str | int | dict):
        return value
    if isinstance(value, list):
        return [_bare(item) for item in value]
    return _present(value, value.__struct_fields__)


def _digest(form: _Form, at_ms: int, content: dict[str, Any], assumed: bool) -> bytes:
    """Of the content as told. A default told aloud is no other content than one left out."""
    if assumed and form.money:
        content = {name: value for name, value in content.items() if name != "currency"}
    if form.defaults:
        content = {name: value for name, value in content.items() if form.defaults.get(name) != value}
    return blake2b(_encode_sorted((form.event.TYPE, at_ms, content)), digest_size=16).digest()


def _settle_money(data: SalesEvent, content: dict[str, Any], names: tuple[str, ...], currency: str) -> bool:
    """Writes each amount with all its decimals and names its currency; whether that is the one assumed.

    In place, in the new event and in its content alike: nobody else holds them yet.
    """
    named = content.get("currency")
    amounts = [name for name in names if name in content]
    for name in amounts:
        try:
            content[name] = minor_text(content[name], named or currency)
        except ValueError as error:
            raise InvalidEvent(f"data.{name}", str(error)) from None
        msgspec.structs.force_setattr(data, name, content[name])
    if named is not None or not amounts:
        return False
    content["currency"] = currency
    msgspec.structs.force_setattr(data, "currency", currency)
    return True


def entity_id(data: SalesEvent, source: str, id_: str) -> str:
    """The id of the entity the event is about; an event that is an entity of its own has its identity."""
    if data.ENTITY is None:
        return f"{source}#{id_}"
    entity = getattr(data, data.ENTITY)
    assert isinstance(entity, str)
    return entity


def as_dict(data: SalesEvent) -> dict[str, Any]:
    """The data of an event as it stands in JSON, without what is absent."""
    return _present(data, _FORMS[data.TYPE].names)


def _name(told: dict[str, Any], field: str) -> str:
    value = told.get(field)
    if not is_name(value):
        raise InvalidEvent(field, _given(value, NAME_WORDS))
    assert isinstance(value, str)
    return value


def _moment(told: dict[str, Any], field: str) -> int:
    value = told.get(field)
    if not isinstance(value, str) or not RFC_3339.match(value):
        raise InvalidEvent(field, _given(value, _MOMENT))
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        raise InvalidEvent(field, f"is no moment of the calendar; allowed: {_MOMENT}") from None
    if value < "1900":
        raise InvalidEvent(field, "lies before 1900; allowed: from 1900 on")
    return to_ms(moment)


def _recorded(told: dict[str, Any], now_ms: int) -> int | None:
    if told.get("recordedtime") is None:
        return None
    recorded_ms = _moment(told, "recordedtime")
    if recorded_ms > now_ms:
        raise InvalidEvent("recordedtime", f"lies in the future; allowed: up to {to_text(now_ms)}")
    return recorded_ms


def _given(value: Any, allowed: str) -> str:
    """The problem of an attribute of the envelope. None of them is personal, so short ones are repeated."""
    if isinstance(value, str):
        return f"is {shown(value)!r}; allowed: {allowed}"
    return f"is {_kind(value)}; allowed: {allowed}"


def _kind(value: Any) -> str:
    return "missing" if value is None else json_kind(value)


def read(entry: Entry) -> Fact:
    """A journalled event as the books read it, at its newest version.

    Raises UnknownEvent where a newer version wrote it.
    """
    form = _FORMS.get(entry.type)
    if form is None:
        raise UnknownEvent(f"type {entry.type} at position {entry.position} is not known to this version")
    try:
        stored = form.read(entry.body)
        data = stored.data if stored.dataschema == form.urn else _read_old(entry, form)
    except msgspec.ValidationError:
        data = _read_old(entry, form)
    return Fact(
        entry.position,
        entry.recorded_ms,
        entry.at_ms,
        entry.source,
        entry.id,
        form.event.KIND,
        entry.subject,
        data,
    )


class _Stored(msgspec.Struct):
    data: dict[str, Any]
    dataschema: str


_read_stored: Final = msgspec.json.Decoder(_Stored).decode


def _read_old(entry: Entry, form: _Form) -> SalesEvent:
    stored = _read_stored(entry.body)
    version = int(stored.dataschema.rpartition(":")[2])
    if version > form.event.VERSION:
        raise UnknownEvent(f"{stored.dataschema} at position {entry.position} is newer than this version knows")
    data = upcast(form.event.TYPE, version, form.event.VERSION, stored.data)
    return msgspec.convert(data, form.event)


def export(entry: Entry) -> bytes:
    """A journalled event as one structured CloudEvent with its recorded time; importing it again is a duplicate."""
    assert entry.body.endswith(b"}"), "the body of an entry is a JSON object"
    return b'%s,"recordedtime":"%s"}' % (entry.body[:-1], to_text(entry.recorded_ms).encode())
