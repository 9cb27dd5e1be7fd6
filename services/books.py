"""The books of one tenant, open for questions: the ledger store and the definitions behind it, at any cut."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from events.codec import read
from events.envelope import to_text
from events.vocabulary import BY_TYPE
from projections.answer import as_json
from projections.ask import Answered, Asker
from projections.definitions import KINDS, Definitions
from projections.periods import moment
from projections.question import BadQuestion, Question
from services.clock import now_ms
from services.journal.port import Cut
from services.settings import Settings
from services.store.clickhouse import as_entry
from services.store.port import Store


class Books:
    """Answers questions from the ledger of one tenant."""

    def __init__(self, store: Store, tenant: str, settings: Settings) -> None:
        self._store: Final = store
        self.tenant: Final = tenant
        self._settings: Final = settings
        self._definitions: tuple[int, Definitions] | None = None

    def ask(self, question: Question) -> dict[str, Any]:
        """The answer, as JSON. Raises BadQuestion."""
        cut = self.cut(question.as_of)
        return as_json(self.answer(question, cut), cut.position, cut.recorded_ms)

    def answer(self, question: Question, cut: Cut) -> Answered:
        """The answer at a cut, exact."""
        return self.asker(cut).answer(question)

    def asker(self, cut: Cut) -> Asker:
        """Asks at one cut."""
        years = self._settings.customer_lifespan_years
        definitions = self.definitions(cut.position)
        return Asker(self.query, self.tenant, cut.position, cut.recorded_ms, definitions, years)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of a SELECT."""
        return self._store.query(sql, parameters)

    def cut(self, as_of: str | None) -> Cut:
        """The cut a question names: a position, a recorded time, or now. Raises BadQuestion."""
        now = self._store.checkpoint(self.tenant)
        if as_of is None:
            return now
        if as_of.isdecimal():
            return self._cut_at(int(as_of), now)
        try:
            known_ms = moment(as_of, self.definitions(now.position).calendar)
        except ValueError as error:
            raise BadQuestion("as_of", f"{as_of!r} is no moment and no position; {error}, or a position") from error
        if known_ms > now_ms():
            raise BadQuestion("as_of", f"{as_of!r} lies in the future; allowed: up to {to_text(now_ms())}")
        return self._latest("recorded_ms <= {known:Int64}", {"known": known_ms})

    def _cut_at(self, position: int, now: Cut) -> Cut:
        if position > now.position:
            raise BadQuestion("as_of", f"{position} lies after the latest position; allowed: 0 to {now.position}")
        return self._latest("position <= {known:UInt64}", {"known": position})

    def _latest(self, where: str, parameters: dict[str, Any]) -> Cut:
        rows = self.query(
            f"SELECT max(position), max(recorded_ms) FROM {{history}} WHERE tenant = {{tenant:String}} AND {where}",
            {"tenant": self.tenant} | parameters,
        )
        return Cut(*rows[0])

    def definitions(self, position: int) -> Definitions:
        """Calendar, rates, pipelines and assignments known at a position."""
        if self._definitions is not None and self._definitions[0] == position:
            return self._definitions[1]
        rows = self.query(
            "SELECT position, recorded_ms, source, id, type, at_ms, entity, body FROM {history} "
            "WHERE tenant = {tenant:String} AND book IN {kinds:Array(String)} AND position <= {position:UInt64} "
            "AND parked = '' ORDER BY position",
            {"tenant": self.tenant, "kinds": list(KINDS), "position": position},
        )
        found = self._facts(rows)
        definitions = Definitions(found, timezone=self._settings.timezone, currency=self._settings.currency)
        self._definitions = position, definitions
        return definitions

    def _facts(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        entries = [as_entry(self.tenant, row) for row in rows]
        return [read(entry) for entry in entries if entry.type in BY_TYPE]
