"""``replay``: history read out, at the speed at which it happened or any other."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from services.cli.session import BAD_USAGE, Problem, Session, shared

if TYPE_CHECKING:
    from services.journal.port import Journal
    from services.replay.reading import Filter, Sink
    from services.settings import Settings

_MOMENT = "MOMENT|POSITION"


class Speed(click.ParamType):
    """``1x``, ``60x``, ``0.5x`` or ``60``: times as fast as it was recorded. ``max``: as fast as it goes."""

    name = "SPEED"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)x?", str(value))
        if value == "max":
            return None
        if found is None or float(found[1]) == 0:
            self.fail(f"{value!r} is no speed; allowed: 1x, 60x, 0.5x …, or max", param, ctx)
        return float(found[1])


@click.command(short_help="Read history out as CloudEvents.")
@click.option("--from", "from_", metavar=_MOMENT, help="The first: a position, or a recorded time, included.")
@click.option("--to", metavar=_MOMENT, help="The last: a position, included, or a recorded time, excluded.")
@click.option("--as-of", metavar=_MOMENT, help="Only what was known then: a position or a recorded time, included.")
@click.option(
    "--where", multiple=True, metavar="NAME=VALUE", help="type, source, id, subject or data.FIELD; repeatable."
)
@click.option("--where-type", multiple=True, metavar="TYPE", help="Only events of this type; may be repeated.")
@click.option("--speed", type=Speed(), metavar="1x|60x|max", help="Times as fast as it was recorded.  [default: max]")
@click.option("--into", metavar="FILE|kafka://…/TOPIC", help="Into a .jsonl or .parquet file, or a topic.")
@click.option("--open", "open_", is_flag=True, help="With what is personal, in clear.")
@shared
@click.pass_obj
def replay(
    session: Session,
    from_: str | None,
    to: str | None,
    as_of: str | None,
    where: tuple[str, ...],
    where_type: tuple[str, ...],
    speed: float | None,
    into: str | None,
    open_: bool,
) -> None:
    """Read history out as CloudEvents, one a line, each with its recorded time.

    Works while another process owns the data folder. Telling the file to another folder makes the same journal, in
    which what is personal stays sealed, under the keys of this folder.
    """
    from services.journal.open import open_to_read
    from services.replay.reading import entries, paced, written

    settings, which = session.settings, _filter(where, where_type)
    with open_to_read(settings) as journal:
        first, last = _stretch(journal, settings, from_, to, as_of)
        with session.progress("replaying", max(last - first + 1, 0)) as advance, _sink(settings, into) as sink:
            found = entries(journal, settings.tenant, first, last, which, advance if into else lambda done: None)
            found = map(journal.opened, found) if open_ else found
            count = written(paced(found, speed), sink, at_once=speed is not None)
    if session.json and into:
        session.tell({"events": count, "file": into})
    elif into:
        session.say(session.t("{n} events written to {file}").format(n=f"{count:,}", file=into.rpartition("@")[2]))


def _stretch(
    journal: "Journal", settings: "Settings", from_: str | None, to: str | None, as_of: str | None
) -> tuple[int, int]:
    """The first and last position. Raises Problem."""
    from events.envelope import to_text
    from projections.periods import moment
    from services.clock import now_ms
    from services.journal.calendar import calendar_in

    head = journal.head(settings.tenant).position
    calendar = calendar_in(journal, settings)

    def place(name: str, text: str | None, otherwise: int, before_ms: int, after: int) -> int:
        if text is None:
            return otherwise
        is_known = name == "--as-of"
        if text.isdecimal():
            if is_known and int(text) > head:
                raise Problem(f"{name} {text} lies after the latest position; allowed: 0 to {head}", BAD_USAGE)
            return int(text)
        try:
            at_ms = moment(text, calendar)
        except ValueError as error:
            raise Problem(f"{name} {text!r} is no moment and no position; {error}, or a position", BAD_USAGE) from error
        if is_known and at_ms > now_ms():
            raise Problem(f"{name} {text!r} lies in the future; allowed: up to {to_text(now_ms())}", BAD_USAGE)
        return journal.position_at(settings.tenant, at_ms - before_ms) + after

    first, last = place("--from", from_, 1, 1, 1), place("--to", to, head, 1, 0)
    if from_ is not None and to is not None and first > last + 1:
        raise Problem(f"--from {from_!r} lies after --to {to!r}; allowed: an earlier one", BAD_USAGE)
    return max(first, 1), min(last, head, place("--as-of", as_of, head, 0, 0))


def _filter(where: tuple[str, ...], types: tuple[str, ...]) -> "Filter":
    from events.vocabulary import BY_TYPE
    from services.replay.reading import chosen

    for type_ in types:
        if type_ not in BY_TYPE:
            raise Problem(f"--where-type {type_!r} is no event type; allowed: {', '.join(BY_TYPE)}", BAD_USAGE)
    try:
        return chosen(where, types)
    except ValueError as error:
        raise Problem(f"--where {error}", BAD_USAGE) from error


@contextmanager
def _sink(settings: "Settings", into: str | None) -> "Iterator[Sink]":
    """Standard output, a file or a topic."""
    from services.replay.reading import Lines, into_file, into_topic

    if into is None:
        yield Lines(sys.stdout.buffer)
    elif into.startswith("kafka://"):
        with into_topic(*_topic(settings, into)) as topic:
            yield topic
    else:
        try:
            with into_file(Path(into)) as file:
                yield file
        except (PermissionError, FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise Problem(f"{into} cannot be written: {error.strerror}", BAD_USAGE) from error


def _topic(settings: "Settings", url: str) -> tuple[Any, str]:
    from services.kafka.clients import cluster_of

    servers, slash, topic = url.removeprefix("kafka://").partition("/")
    if not slash or not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic):
        raise Problem(f"--into {url} names no topic; allowed: kafka://host:9092/topic", BAD_USAGE)
    try:
        return cluster_of(settings, f"kafka://{servers}"), topic
    except ValueError as error:
        raise Problem(f"--into {error}", BAD_USAGE) from error
