"""Asking: ``kpi``, ``explain``, ``changes`` and ``history``."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from services.cli import show
from services.cli.histories import say_history
from services.cli.session import BAD_USAGE, Problem, Session, shared
from services.meanings import meaning

if TYPE_CHECKING:
    from projections.question import Question
    from services.books import Books

Verb = TypeVar("Verb", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.argument("kpi_id", metavar="ID"),
    click.option("--by", multiple=True, metavar="DIM", help="Group by a dimension; may be repeated, or a,b."),
    click.option(
        "--where", multiple=True, metavar="DIM=VALUE",
        help="Only these; may be repeated, values of one dimension are alternatives.",
    ),
    click.option(
        "--grain", default="total", metavar="GRAIN",
        help="hour, day, week, month, quarter, year, fiscal_quarter, fiscal_year or total.",
    ),
    click.option(
        "--from", "from_", metavar="MOMENT",
        help="From here on, included: 2026, 2026-Q4, FY2026-Q4, 2026-11, 2026-11-22 or RFC 3339 with an offset.",
    ),
    click.option("--to", metavar="MOMENT", help="Up to here, excluded."),
    click.option(
        "--as-of", metavar="MOMENT|POSITION",
        help="As it was known then: a recorded time, or a position of the journal.",
    ),
    click.option("--currency", metavar="CODE", help="The currency of the answer, such as EUR."),
    click.option(
        "--org", default="event", metavar="ORG",
        help="Team, region and manager: event (as told, else of the rep at the time), then (of the rep at the time) or "
        "now (of the rep today).",
    ),
    click.option(
        "--fx", default="day", metavar="RATES",
        help="Amounts are converted at rates of the day, period or plan; none: each currency by itself.",
    ),
)  # fmt: skip
_ANSWER_OPTIONS: Final = (
    click.option("--compare", metavar="WITH", help="With the previous period, or the same of the year before (year)."),
    click.option("--limit", type=int, metavar="N", help="At most so many rows."),
    click.option("--rest", is_flag=True, help="With --limit: the rest as one row; the limit is of each period."),
    click.option(
        "--order", metavar="COLUMN", help="By period, value or a dimension; with - falling, as in --order=-value."
    ),
)
_AS_OF: Final = _OPTIONS[-4]
SHOWN: Final = 50
"""Events of a receipt that a person is shown in one table."""
FEW: Final = 10
"""Events of one cause that a person is shown."""


def question_options(verb: Verb) -> Verb:
    """Gives a verb the options of a question."""
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb


def answer_options(verb: Verb) -> Verb:
    """Gives a verb the options of a question that has an answer of many rows."""
    for option in reversed((*_OPTIONS, *_ANSWER_OPTIONS)):
        verb = option(verb)
    return verb


def _cell_options(verb: Verb) -> Verb:
    """Those of a question that names its own moments of knowing."""
    for option in reversed(_OPTIONS):
        verb = verb if option is _AS_OF else option(verb)
    return verb


@click.command(short_help="Ask a KPI, as it is known now or was known then.")
@answer_options
@click.option("--csv", "as_csv", is_flag=True, help="The rows as CSV.")
@shared
@click.pass_obj
def kpi(session: Session, /, as_csv: bool, **told: Any) -> None:
    """Ask a KPI: by anything, in any period, as known now or at any moment.

    Examples: kpi revenue --grain month --by region · kpi win_rate --from 2026-Q3 --to 2026-Q4 --as-of 2026-10-05
    """
    if as_csv and session.json:
        raise Problem("--csv and --json exclude each other; allowed: one of them", BAD_USAGE)
    asked = question_of(told)
    with session.books() as books:
        answer = books.ask(asked)
        if as_csv:
            from services.export.formats import FORMATS
            from services.export.tabular import answer_table

            FORMATS["csv"].write(answer_table(asked, answer), click.get_binary_stream("stdout"))
        else:
            _tell(session, answer, asked, books, _answer)


@click.command(short_help="Explain one number down to its events.")
@question_options
@click.option(
    "--page-size",
    type=click.IntRange(1, 100_000),
    default=1_000,
    show_default=True,
    metavar="N",
    help="At most so many events; what follows is the next page.",
)
@click.option("--after", metavar="NEXT", help="The next page: what the page before says in next.")
@shared
@click.pass_obj
def explain(session: Session, /, page_size: int, after: str | None, **told: Any) -> None:
    """Explain one number: the events that make it, what each adds, and those left out, with the reason.

    The same question as of kpi, narrowed to one cell by --where, --from and --to. A large receipt comes in pages: first
    the events that count, in the order of the journal, then those of the same histories and those left out.
    """
    from services.receipt import explain as receipt_of

    asked = question_of(told)
    with session.books() as books:
        _tell(session, receipt_of(books, asked, page_size, after), asked, books, _receipt)


@click.command(short_help="Why a number changed between two moments of knowing.")
@_cell_options
@click.option(
    "--known-from",
    required=True,
    metavar="MOMENT|POSITION",
    help="The earlier moment: a recorded time, or a position of the journal.",
)
@click.option("--known-to", metavar="MOMENT|POSITION", help="The later one; without it, now.")
@shared
@click.pass_obj
def changes(session: Session, /, known_from: str, known_to: str | None, **told: Any) -> None:
    """Why a number changed between two moments at which it was known: by cause, the effects adding up exactly.

    The same question as of kpi, narrowed to one cell. Example: changes revenue --from 2026-Q3 --to 2026-Q4
    --known-from 2026-10-05 --known-to 2026-11-01
    """
    from services.changes import changes as changes_of

    _text(known_from, "--known-from"), _text(known_to, "--known-to")
    asked = question_of(told)
    with session.books() as books:
        _tell(session, changes_of(books, asked, known_from, known_to), asked, books, _changes)


@click.command(short_help="Everything known about one deal, lead or customer.")
@click.argument("entity", metavar="ENTITY")
@click.argument("id_", metavar="ID")
@shared
@click.pass_obj
def history(session: Session, entity: str, id_: str) -> None:
    """Everything known about one deal, lead, customer, order or rep, on both clocks, and what was posted for it."""
    from services.receipt import history as history_of

    allowed = _kinds()
    if entity not in allowed:
        raise Problem(f"{entity!r} is no entity; allowed: {', '.join(allowed)}", BAD_USAGE)
    id_ = _text(id_, "ID")
    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        session.post(workspace, [tenant])
        books = workspace.books(tenant)
        session.live_by(books)
        found = history_of(books, entity, id_, workspace.journal)
    if session.json:
        session.tell(found)
    else:
        say_history(session, found)


def question_of(told: dict[str, Any]) -> "Question":
    """The question of the options. Raises BadQuestion, or Problem where one is no text."""
    from projections.question import question

    for name, value in told.items():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str):
                _text(each, name.strip("_"))
    return question(told.pop("kpi_id"), **told)


def _text(value: str | None, name: str) -> str:
    """What was told, if it is text: a shell may hand over any bytes."""
    if value is not None and not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise Problem(f"{name} is not valid UTF-8; allowed: text", BAD_USAGE)
    return value or ""


def _kinds() -> list[str]:
    from events.vocabulary import EVENTS

    return list(dict.fromkeys(event.KIND for event in EVENTS))


def _tell(
    session: Session, told: dict[str, Any], asked: "Question", books: "Books",
    say: Callable[[Session, dict[str, Any], "Question"], None],
) -> None:  # fmt: skip
    """What was found, and whether the laws of the ledger hold; people need not wait for that to read on."""
    from services.laws import Laws

    if session.json:
        session.tell(told | {"laws": Laws().known(books).told()})
        return
    say(session, told, asked)
    laws = Laws().known(books).told()
    if laws["hold"] is None:
        session.say(session.t("The ledger is large: ask salestream status whether its laws hold."))
    elif not laws["hold"]:
        sentence = session.t("The laws of the ledger do not hold ({laws}): trust no number before salestream verify.")
        session.say(sentence.format(laws=", ".join(laws["broken"])))
    elif laws["position"]:
        session.say(session.t("The laws of the ledger hold."))


def _answer(session: Session, answer: dict[str, Any], asked: "Question") -> None:
    t, kpi_ = session.t, asked.kpi
    _title(session, answer, asked)
    rows = answer["rows"]
    if rows:
        session.say(_rows(session, rows, asked))
    else:
        session.say(t("No rows: nothing is known that this question is about."))
    session.say()
    session.say(_definition(session, answer, asked))
    session.say(_cut(session, answer["cut"], asked))
    assert kpi_.unit == answer["unit"]


def _title(session: Session, answer: dict[str, Any], asked: "Question") -> None:
    name = f"{asked.kpi.zh} {asked.kpi.id}" if session.lang == "zh" else asked.kpi.id
    told = [name, answer.get("currency", ""), *_stretch(session, asked)]
    told += [f"{session.t(dim)} = {' | '.join(values)}" for dim, values in asked.where]
    session.say(show.printable(" · ".join(filter(None, told))))
    session.say()


def _stretch(session: Session, asked: "Question") -> list[str]:
    t = session.t
    told = [t("from {moment}").format(moment=asked.from_)] if asked.from_ else []
    told += [t("before {moment}").format(moment=asked.to)] if asked.to else []
    return told + ([t("as of {moment}").format(moment=asked.as_of)] if asked.as_of else [])


def _rows(session: Session, rows: list[dict[str, Any]], asked: "Question") -> str:
    """The rows as a table: the period where there are several, dimensions, the value, its parts, reasons."""
    t, kpi_ = session.t, asked.kpi
    dims = [*(["period"] if asked.grain != "total" else []), *asked.by]
    parts = [part for part in kpi_.parts if part is not kpi_.formula]
    reasons = [show.reason(row, t) for row in rows]
    compared = ["before", "change", "growth"] if asked.compare else []
    headings = [
        *map(t, dims),
        kpi_.zh if session.lang == "zh" else kpi_.id,
        *map(t, compared),
        *(t(show.part(part.name)) for part in parts),
    ]
    cells = [
        [
            *(_named(row, dim, t) for dim in dims),
            show.value(row["value"], kpi_.unit, t, long=True),
            *(_compared(row, name, kpi_.unit, t) for name in compared),
            *(show.value(row["parts"][part.name], _units(asked, row)[part.name], t) for part in parts),
            *([why] if any(reasons) else []),
        ]
        for row, why in zip(rows, reasons, strict=True)
    ]
    numbers = range(len(dims), len(headings))
    return show.table(headings + ([t("reason")] if any(reasons) else []), cells, numbers=numbers)


def _units(asked: "Question", row: dict[str, Any]) -> dict[str, Any]:
    """The unit of each part of a row; a duration behind minutes is read in minutes."""
    from projections.answer import units_of

    told = dict(units_of(asked, [row[dim] for dim in asked.by]))
    in_minutes = asked.kpi.unit == "minutes"
    return {name: show.MS_IN_MINUTES if unit == "ms" and in_minutes else unit for name, unit in told.items()}


def _kpi_of(asked: "Question") -> str | None:
    """The one KPI whose targets are asked for, if it is named."""
    return next((values[0] for name, values in asked.where if name == "kpi"), None)


def _named(row: dict[str, Any], dim: str, t: show.Text) -> str:
    """A dimension of a row; the first one of the rest says so."""
    if row.get("rest") and row[dim] is None:
        return t("the rest")
    return show.DASH if row[dim] is None else str(row[dim])


def _compared(row: dict[str, Any], name: str, unit: str, t: show.Text) -> str:
    """What a row is compared with, the change, or the growth."""
    told = row["before"]["value"] if name == "before" else row[name]
    return show.value(told, "ratio" if name == "growth" else unit, t)


def _definition(session: Session, answer: dict[str, Any], asked: "Question") -> str:
    words = meaning(asked.kpi.id, asked.kpi.meaning, session.lang)
    formula = asked.kpi.formula.words()
    spelled = "" if formula == asked.kpi.id else f" {asked.kpi.id} = {formula}"
    return f"{session.t('Definition')} {answer['definition']['hash']}: {words}{spelled}"


def _cut(session: Session, cut: dict[str, Any], asked: "Question") -> str:
    if not cut["position"] and asked.as_of is not None:
        return session.t("Nothing was known then.")
    if not cut["position"]:
        sentence = session.t(
            "Nothing was told to tenant {tenant} of {data} yet: tell it by salestream ingest, or name other books by "
            "--data and --tenant."
        )
        return sentence.format(tenant=session.settings.tenant, data=session.settings.data)
    sentence = session.t("As known at position {position}, recorded {recorded}.")
    return sentence.format(
        position=f"{cut['position']:,}", recorded=cut["recorded"] and session.moment(cut["recorded"])
    )


def _receipt(session: Session, receipt: dict[str, Any], asked: "Question") -> None:
    t = session.t
    _title(session, receipt, asked)
    session.say(_rows(session, [receipt["cell"]], asked))
    session.say()
    units = _units(asked, receipt["cell"])
    counted = [event for event in receipt["events"] if event["role"] == "counted"]
    context = [event for event in receipt["events"] if event["role"] != "counted"]
    session.say(t("Counted ({n})").format(n=f"{receipt['counted']:,}"))
    if counted:
        names = list(dict.fromkeys(name for event in counted for name in event["contribution"]))
        headings = [*_event_headings(session), *(t(show.part(name)) for name in names)]
        rows = [
            [
                *_event(session, each),
                *(show.value(each["contribution"].get(name), units.get(name, "count"), t) for name in names),
            ]
            for each in counted
        ]
        _some(session, headings, rows, numbers=[0, *range(5, 5 + len(names))])
    if context:
        session.say()
        session.say(t("Of the same histories, adding nothing ({n})").format(n=f"{len(context):,}"))
        _some(session, _event_headings(session), [_event(session, each) for each in context], numbers=[0])
    if receipt["excluded"]:
        session.say()
        session.say(t("Left out ({n})").format(n=f"{len(receipt['excluded']):,}"))
        rows = [[*_event(session, each), session.sentence(each["reason"])] for each in receipt["excluded"]]
        _some(session, [*_event_headings(session), t("reason")], rows, numbers=[0])
    session.say()
    session.say(_definition(session, receipt, asked))
    session.say(_cut(session, receipt["cut"], asked))
    if receipt["next"] is not None:
        sentence = t("A page of {n} events; the next one: the same with --as-of {position} --after {after}")
        n = len(receipt["events"]) + len(receipt["excluded"])
        session.say(sentence.format(n=f"{n:,}", position=receipt["cut"]["position"], after=receipt["next"]))


def _changes(session: Session, found: dict[str, Any], asked: "Question") -> None:
    t, unit = session.t, asked.kpi.unit
    _title(session, found, asked)
    looks = [
        [
            label,
            session.moment(look["cut"]["recorded"]) if look["cut"]["recorded"] else show.DASH,
            f"{look['cut']['position']:,}",
            show.value(look["value"], unit, t),
        ]
        for label, look in ((t("known then"), found["before"]), (t("known later"), found["after"]))
    ]
    looks.append([t("difference"), "", "", show.value(found["difference"], unit, t)])
    session.say(show.table(["", t("recorded"), t("position"), t("value")], looks, numbers=[2, 3]))
    units = _units(asked, dict.fromkeys(asked.by) | {"kpi": _kpi_of(asked)})
    for cause in found["causes"]:
        session.say()
        effect = show.value(cause["effect"], unit, t)
        heading = t("{cause}: {effect}; events: {n}")
        session.say(
            heading.format(cause=t(cause["cause"].replace("_", " ")), effect=effect, n=f"{len(cause['events']):,}")
        )
        names = list(dict.fromkeys(name for event in cause["events"] for name in event["change"]))
        rows = [
            [*_event(session, each),
             *(show.value(each["change"].get(name), units.get(name, "count"), t) for name in names), _because(each)]
            for each in cause["events"]
        ]  # fmt: skip
        if rows:
            headings = [*_event_headings(session), *(t(show.part(name)) for name in names), t("because of")]
            _some(session, headings, rows, numbers=[0, *range(5, 5 + len(names))], shown=FEW)
    session.say()
    session.say(_definition(session, found, asked))


def _because(event: dict[str, Any]) -> str:
    by = event.get("by")
    return f"{by['position']} {by['type']}" if by else ""


def _some(
    session: Session, headings: list[str], rows: list[list[str]], *, numbers: Sequence[int], shown: int = SHOWN
) -> None:
    """A table of as many events as a person reads."""
    session.say(show.table(headings, rows[:shown], numbers=numbers))
    if len(rows) > shown:
        session.say(session.t("and {n} more; all of them: --json").format(n=f"{len(rows) - shown:,}"))


def _event(session: Session, event: dict[str, Any]) -> list[str]:
    told = f"{event['source']} {event['id']}"
    return [str(event["position"]), session.moment(event["time"]), event["type"], event["entity"], told]


def _event_headings(session: Session) -> list[str]:
    return [session.t(name) for name in ("position", "occurred", "event", "entity", "source and id")]
