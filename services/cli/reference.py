"""Looking up: ``kpis``, ``schema``, ``asyncapi`` and ``settings``. No engine is started for these."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from services.cli import show
from services.cli.session import BAD_USAGE, Problem, Session, shared
from services.meanings import meaning

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from projections.kpi import Kpi
    from services.settings import Settings


@click.command()
@shared
@click.pass_obj
def kpis(session: Session) -> None:
    """The catalogue: every KPI with its meaning."""
    from projections.catalogue import KPIS

    if session.json:
        session.tell([_as_dict(kpi) for kpi in KPIS])
        return
    t = session.t
    rows = [
        [kpi.id, kpi.zh, t(kpi.unit), t(kpi.kind), t(kpi.better), meaning(kpi.id, kpi.meaning, session.lang)]
        for kpi in KPIS
    ]
    session.say(show.table([t(name) for name in ("KPI", "中文", "unit", "kind", "better", "meaning")], rows))


def _as_dict(kpi: "Kpi") -> dict[str, Any]:
    return {
        "kpi": kpi.id,
        "zh": kpi.zh,
        "meaning": kpi.meaning,
        "formula": f"{kpi.id} = {kpi.formula.words()}",
        "unit": kpi.unit,
        "kind": kpi.kind,
        "better": kpi.better,
        "dimensions": sorted(kpi.dims),
        "source": kpi.origin,
        "hash": kpi.hash,
    }


@click.command(short_help="The JSON Schema of an event type.")
@click.argument("type_", metavar="[TYPE]", required=False)
@shared
@click.pass_obj
def schema(session: Session, type_: str | None) -> None:
    """The JSON Schema of an event type, such as deal.won; without TYPE the list of types."""
    from events.schema import schema as schema_of
    from events.vocabulary import BY_TYPE, EVENTS

    if type_ is not None:
        if type_ not in BY_TYPE:
            raise Problem(f"{type_!r} is no event type; allowed: {', '.join(BY_TYPE)}", BAD_USAGE)
        session.tell(schema_of(type_))
    elif session.json:
        session.tell({event.TYPE: schema_of(event.TYPE) for event in EVENTS})
    else:
        rows = [[event.TYPE, event.ZH, session.t(event.KIND), str(event.VERSION)] for event in EVENTS]
        session.say(show.table([session.t(name) for name in ("type", "中文", "entity", "version")], rows))


@click.command(short_help="The AsyncAPI document: how events may be told.")
@shared
@click.pass_obj
def asyncapi(session: Session) -> None:
    """The AsyncAPI 3.0 document: every event type, and how it is told over HTTP and Kafka. `serve` has it, too."""
    from services.gateway.asyncapi import asyncapi as document

    session.tell(document(session.settings.kafka_prefix))


@click.command(short_help="Every setting, with its default and present value.")
@shared
@click.pass_obj
def settings(session: Session) -> None:
    """Every setting: its environment variable, type, default, meaning and present value."""
    found = _described(session.settings)
    if session.json:
        session.tell(found)
        return
    t = session.t
    rows = [[each["env"], each["type"], str(each["default"]), str(each["value"]), t(each["meaning"])] for each in found]
    session.say(show.table([t(name) for name in ("variable", "type", "default", "value", "meaning")], rows))


def _described(current: "Settings") -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "env": f"SALESTREAM_{name.upper()}",
            "type": _type(field),
            "default": _plain(field.default),
            "value": without_secrets(_plain(getattr(current, name))),
            "meaning": field.description,
        }
        for name, field in type(current).model_fields.items()
    ]


def _type(field: "FieldInfo") -> str:
    """What a setting may be, in words."""
    from pydantic import SecretStr

    choices = [choice for choice in get_args(field.annotation) if choice is not type(None)]
    if choices and choices != [Path]:
        return " or ".join(map(str, choices))
    if field.annotation is SecretStr:
        return "secret"
    if field.annotation is bool:
        return "true or false"
    bounds = {type(each).__name__: each for each in field.metadata}
    low, high = getattr(bounds.get("Ge"), "ge", None), getattr(bounds.get("Le"), "le", None)
    span = f" from {low}" * (low is not None) + f" to {high}" * (high is not None)
    name = "integer" if field.annotation is int else "text" if field.annotation is str else "path"
    return name + span


def _plain(value: Any) -> str | int:
    return value if isinstance(value, int) else str(value)


def without_secrets(value: str | int) -> str | int:
    """A URL without the password in it."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", value) if isinstance(value, str) else value
