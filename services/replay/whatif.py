"""What if: history told anew under a scenario into scratch books, and asked the same questions.

It is a re-scoring of what happened and no prediction: nobody would have acted otherwise here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from events.activities import TouchpointLogged
from events.codec import read
from events.deals import DealCreated, DealUpdated, DealWon
from events.leads import LeadCreated
from projections.catalogue import KPIS
from projections.question import question
from services.journal.port import Journalled
from services.journal.sqlite import SqliteJournal
from services.processor.poster import Poster, voided_before
from services.replay.credit import Contacts, Crediting
from services.replay.discount import Prices
from services.replay.scenario import BadScenario, Rewriter, Scenario
from services.workspace import Workspace

LABEL: Final = "a re-scoring of what happened, not a prediction"
_CHUNK: Final = 5_000
_LEARNT: Final = frozenset(each.TYPE for each in (DealCreated, DealUpdated, DealWon, LeadCreated, TouchpointLogged))
"""What some rules have to know beforehand."""


def whatif(
    workspace: Workspace,
    tenant: str,
    scenario: Scenario,
    asked: Sequence[Mapping[str, Any]] = (),
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """The answers of reality and of the scenario, side by side. Raises BadScenario and BadQuestion.

    ``asked`` are the words of questions, as ``projections.question`` takes them; without any, every KPI in total.
    """
    cut = workspace.store.read_checkpoint(tenant)
    at: dict[str, Any] = {"as_of": str(cut.position)}
    questions = [question(**(at | dict(one))) for one in asked] or [question(kpi.id, **at) for kpi in KPIS]
    prices, contacts = _learnt(workspace, tenant, cut.position) if scenario.learns else (Prices(), Contacts())
    rewriter = Rewriter(scenario, prices)
    try:
        with TemporaryDirectory(prefix="salestream-what-if-") as folder:
            with SqliteJournal(Path(folder) / "journal.sqlite") as journal:
                told(workspace, tenant, cut.position, rewriter, journal)
                scratch = workspace.store.scratch()
                poster = _poster(scenario, contacts)(tenant, journal, scratch, keep=workspace.settings.history_events)
                poster.catch_up(progress)
            books = {"reality": workspace.books(tenant), "scenario": workspace.books(tenant, scratch)}
            answers = [{which: each.ask(one) for which, each in books.items()} for one in questions]
    finally:
        workspace.store.drop_scratch()
    moved = sum(pair["reality"]["rows"] != pair["scenario"]["rows"] for pair in answers)
    return {
        "label": LABEL,
        "name": scenario.name,
        "events": cut.position,
        "changed": rewriter.changed,
        "credited": poster.credited if isinstance(poster, Crediting) else 0,
        "moved": moved,
        "why_not": None if moved else _why_not(scenario, rewriter.changed, poster),
        "answers": answers,
    }


def _why_not(scenario: Scenario, changed: int, poster: Poster) -> str:
    """Why no answer moved, in a sentence."""
    credited = poster.credited if isinstance(poster, Crediting) else 0
    if changed or credited:
        return "what the scenario tells otherwise is in none of these answers; ask other KPIs, or by what it changes"
    if not scenario.rules:
        return "the scenario has no rules"
    if isinstance(poster, Crediting) and scenario.rules == {"attribution"}:
        return poster.why_not
    if scenario.rules == {"discount_cap"}:
        return "no win is for less than the cap on discounts allows"
    return "all was told as the scenario has it"


def _learnt(workspace: Workspace, tenant: str, last: int) -> tuple[Prices, Contacts]:
    """What was asked for deals, and who was in contact, by all events up to a position that count."""
    prices, contacts, after = Prices(), Contacts(), 0
    voided = voided_before(workspace.journal, tenant, last)
    while after < last and (entries := workspace.journal.read(tenant, after, min(_CHUNK, last - after))):
        for entry in entries:
            if entry.type in _LEARNT and (entry.source, entry.id) not in voided:
                fact = read(entry)
                prices.learn(fact)
                contacts.learn(fact)
        after = entries[-1].position
    return prices, contacts


def _poster(scenario: Scenario, contacts: Contacts) -> Callable[..., Poster]:
    return Poster if scenario.attribution is None else partial(Crediting, scenario.attribution, contacts)


def told(workspace: Workspace, tenant: str, last: int, rewriter: Rewriter, journal: SqliteJournal) -> None:
    """Tell history up to a position to another journal, as the scenario has it: every event keeps its place."""
    after = 0
    while after < last and (entries := workspace.journal.read(tenant, after, min(_CHUNK, last - after))):
        batch = []
        for entry in map(rewriter.rewritten, entries):
            named = (entry.tenant, entry.source, entry.id, entry.type, entry.at_ms, entry.subject)
            batch.append(Journalled(*named, b"", entry.body, entry.recorded_ms))
        journal.append(batch, now_ms=entries[-1].recorded_ms)
        after = entries[-1].position
    assert journal.head(tenant).position == after, "every event keeps its place"
    if rewriter.unused:
        words = ", ".join(sorted(rewriter.unused))
        raise BadScenario(f"nothing in the history is about: {words}; see the words of your own events")
