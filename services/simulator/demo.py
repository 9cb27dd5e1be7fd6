"""The live demo: a company lives in fast motion, and everything it tells goes the real way.

Told → journal → poster → ledger → questions. Nothing is simulated but the company itself.
"""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from rich.console import Console
from rich.live import Live

from projections.catalogue import BY_ID
from projections.periods import add_months
from services.clock import now_ms
from services.journal.port import Tally
from services.simulator.almanac import DAY_S, Stamp, day_number, to_date
from services.simulator.company import Company
from services.simulator.dashboard import Feed, Progress, draw, kpi_name, say, short
from services.simulator.gauges import KPIS, Frame, Value, read_frame, read_period, read_value
from services.workspace import Workspace, WorkspaceError

YEAR_S: Final = 60.0
"""How long a simulated year takes where nobody says how long the demo may."""
BATCH: Final = 2000
"""Events told in one go."""
FRAME_S: Final = 0.25
"""The screen is drawn at most so often."""
HEAD_START_DAYS: Final = 120
"""So much of the history passes at once where somebody watches, a quarter of it at most."""
_ASKING_SHARE: Final = 0.4
"""Of the time, at most, goes into asking; the rest is for the stream."""
_RESERVE: Final = 0.85
"""Of the seconds given, the history is paced to fit into so much."""
_KNOWN_AFTER_DAYS: Final = 1
"""How long after a quarter's end its first figure is taken, to be compared with what is known later."""
_SHANGHAI_MS: Final = 8 * 3600 * 1000


@dataclass(frozen=True, kw_only=True)
class AsKnown:
    """One number as it was known when its quarter was over, and as it is known now."""

    kpi: str
    period: str
    known_on: str
    value: Value
    now: Value

    def sentence(self, lang: str) -> str:
        """``Revenue 2025-Q3: 38,916,240.10 as known on 2025-10-02, 39,401,877.35 as known now.``"""
        then, now = (_exact(value) for value in (self.value, self.now))
        if lang == "zh":
            return f"{self.period} {kpi_name(self.kpi, lang)}：{self.known_on} 时所知 {then}，现在所知 {now}。"
        return f"{kpi_name(self.kpi, lang)} {self.period}: {then} as known on {self.known_on}, {now} as known now."


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What came of a demo."""

    ended: str
    """``history`` where it was told to its end, ``time`` where the seconds were over, ``stopped`` by Ctrl-C."""
    simulated_to: str
    told: int
    accepted: int
    duplicates: int
    refused: int
    position: int
    seconds: float
    events_per_s: float
    period: str
    """The last full quarter, or where there is none yet the running month; the KPIs are of it."""
    kpis: dict[str, Value]
    as_known: AsKnown | None
    """Where a quarter ended long enough ago."""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    def text(self, lang: str) -> str:
        """For people, a few lines."""
        head = f"{say('told', lang)} {self.told:,} = {self.accepted:,} {say('accepted', lang)} + {self.duplicates:,} "
        head += f"{say('duplicates', lang)} + {self.refused:,} {say('refused', lang)}; "
        head += f"{say('position', lang)} {self.position:,}; {self.events_per_s:,.0f} {say('events/s', lang)}"
        told = (f"{kpi_name(kpi, lang)} {short(value, BY_ID[kpi].unit, lang)}" for kpi, value in self.kpis.items())
        lines = [head, f"{self.period}: " + ", ".join(told)]
        return "\n".join(lines + ([self.as_known.sentence(lang)] if self.as_known else []))


def run_demo(
    workspace: Workspace,
    company: Company,
    *,
    seconds: float | None = None,
    headless: bool = False,
    console: Console,
    into: Path | None = None,
    address: str | None = None,
) -> Summary:
    """Let the company live under the workspace's tenant, up to today, and watch it on ``console``.

    It ends when the history is over, after ``seconds``, or by Ctrl-C. A simulated year takes a minute; with
    ``seconds`` the whole history is paced to fit into them, as far as the machine can. Where nobody watches
    (``headless``, or no terminal) and no time is given it runs as fast as it can. ``into`` also gets every event
    as a JSON line. Where somebody watches, the first months pass at once, so that there is something to see; and with
    a wallboard at ``address`` the end of the history is not the end: the books stay to be looked at until Ctrl-C.
    Raises WorkspaceError where the tenant's journal is not empty.
    """
    company = _so_far(replace(company, tenant=workspace.settings.tenant))
    if head := workspace.journal.head(company.tenant).position:
        raise WorkspaceError(
            f"the journal of tenant {company.tenant} in {workspace.folder} holds {head} events; "
            "a demo begins in an empty folder: choose another with --data"
        )
    watched = not headless and console.is_terminal and not console.options.ascii_only
    demo = _Demo(workspace, company, _pace(company, seconds, watched), address)
    with ExitStack() as open_:
        file = open_.enter_context(into.open("wb")) if into else None
        stopped = open_.enter_context(_stopped_by_ctrl_c())
        live = Live(console=console, screen=True, auto_refresh=False) if watched else None
        if live:
            open_.enter_context(live)
        return demo.run(seconds, stopped, live, file)


def _pace(company: Company, seconds: float | None, watched: bool) -> tuple[float, float]:
    """How many days pass at once, and how many in each second from then on."""
    days = (company.end - company.start).days
    ahead = min(HEAD_START_DAYS, days / 4) if watched else 0.0
    if seconds is not None:
        return ahead, (days - ahead) / (_RESERVE * seconds)
    return ahead, 365 / YEAR_S if watched else 1000.0 * days


def _so_far(company: Company) -> Company:
    """The company up to today: nothing is told before it is recorded."""
    today = to_date((now_ms() + _SHANGHAI_MS) // (DAY_S * 1000))
    return company if company.end <= today else replace(company, until=today)


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[Callable[[], bool]]:
    """Ctrl-C is noted and what is under way is finished; a second one breaks it off."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted.is_set
        return

    def note(number: int, frame: Any) -> None:
        noted.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted.is_set
    finally:
        signal.signal(signal.SIGINT, before)


class _Demo:
    """One run: tells what is due, posts it, asks now and then."""

    def __init__(self, workspace: Workspace, company: Company, pace: tuple[float, float], address: str | None) -> None:
        self._workspace: Final = workspace
        self._company: Final = company
        self._ahead_days, self._days_per_s = pace
        self._address: Final = address
        self._ingest: Final = workspace.ingest()
        self._poster: Final = workspace.poster(company.tenant)
        self._books: Final = workspace.books(company.tenant)
        self._stamp: Final = Stamp()
        self._feed: Final = Feed()
        self._today = company.start
        self._told: Final[deque[tuple[float, int]]] = deque([(0.0, 0)])
        """When how many events had been told, in the last seconds."""
        self._frame: Frame | None = None
        self._next_frame_s = 0.0
        self._next_draw_s = 0.0

    def run(
        self, seconds: float | None, stopped: Callable[[], bool], live: Live | None, file: IO[bytes] | None
    ) -> Summary:
        """Until the history, the time or the viewer's patience is over."""
        began = time.perf_counter()
        stream = _Stream(self._company)
        ended = "history"
        while not stream.over:
            elapsed = time.perf_counter() - began
            if stopped() or (seconds is not None and elapsed >= seconds):
                ended = "stopped" if stopped() else "time"
                break
            batch = stream.until(self._due(elapsed), BATCH)
            if batch:
                self._take(batch, file)
                self._told.append((time.perf_counter() - began, self._told[-1][1] + len(batch)))
            else:
                time.sleep(0.02)
            if live:
                self._show(live, time.perf_counter() - began)
        took = time.perf_counter() - began
        if live and self._address and seconds is None:
            while not stopped():
                self._show(live, time.perf_counter() - began)
                time.sleep(0.1)
        return self._summary(ended, took)

    def _due(self, elapsed: float) -> str:
        """The simulated moment up to which events are due, as they write it."""
        first = day_number(self._company.start) * DAY_S
        days = min(self._ahead_days + elapsed * self._days_per_s, (self._company.end - self._company.start).days + 1)
        return self._stamp(first + int(days * DAY_S))

    def _take(self, batch: list[dict[str, Any]], file: IO[bytes] | None) -> None:
        """The real way: into the journal, into the ledger."""
        outcomes = self._ingest.tell(batch, now_ms=now_ms(), importer=True, origin="demo")
        self._poster.catch_up()
        for event, outcome in zip(batch, outcomes, strict=True):
            if outcome.status == "accepted":
                self._feed.learn(event)
        self._today = date.fromisoformat(batch[-1]["recordedtime"][:10])
        if file:
            file.write(msgspec.json.Encoder().encode_lines(batch))

    def _show(self, live: Live, elapsed: float) -> None:
        if elapsed < self._next_draw_s:
            return
        if elapsed >= self._next_frame_s and self._poster.position:
            asked = time.perf_counter()
            self._frame = read_frame(self._books, self._today)
            took = time.perf_counter() - asked
            self._next_frame_s = elapsed + max(FRAME_S, took / _ASKING_SHARE)
        size, lang = live.console.size, self._workspace.settings.lang
        screen = draw(self._frame, self._feed, self._progress(), lang, (size.width, size.height))
        live.update(screen, refresh=True)
        self._next_draw_s = elapsed + FRAME_S

    def _progress(self) -> Progress:
        now = self._told[-1]
        while len(self._told) > 2 and self._told[0][0] < now[0] - 2:
            self._told.popleft()
        since, before = self._told[0]
        speed = (now[1] - before) / (now[0] - since) if now[0] > since else 0.0
        days = (self._company.end - self._company.start).days
        share = (self._today - self._company.start).days / days
        return Progress(self._today, share, speed, self._poster.position, self._tally(), self._address)

    def _tally(self) -> Tally:
        return self._workspace.journal.tally(self._company.tenant)

    def _summary(self, ended: str, seconds: float) -> Summary:
        tally = self._tally()
        # Where the story was told to its end, its last day is over, and with it perhaps a quarter.
        after = self._company.end if ended == "history" else self._today
        quarter = after.replace(month=after.month - (after.month - 1) % 3, day=1)
        if add_months(quarter, -3) >= self._company.start:
            first, last, period = add_months(quarter, -3), quarter, _quarter(add_months(quarter, -3))
        else:
            first, last, period = after.replace(day=1), add_months(after.replace(day=1), 1), after.strftime("%Y-%m")
        return Summary(
            ended=ended,
            simulated_to=self._today.isoformat(),
            told=tally.told,
            accepted=tally.accepted,
            duplicates=tally.duplicates,
            refused=tally.refused,
            position=self._poster.position,
            seconds=round(seconds, 2),
            events_per_s=round(tally.told / seconds, 1) if seconds else 0.0,
            period=period,
            kpis=read_period(self._books, KPIS, first, last) if self._poster.position else {},
            as_known=self._as_known(after),
        )

    def _as_known(self, after: date) -> AsKnown | None:
        """A number of the last quarter that ended a month ago or more, which has changed since where one has."""
        month = add_months(after, -1)
        quarter = month.replace(month=month.month - (month.month - 1) % 3, day=1)
        first = add_months(quarter, -3)
        if first < self._company.start:
            return None
        known_on = quarter + timedelta(days=_KNOWN_AFTER_DAYS)
        kpi, then, now = "", None, None
        for kpi in ("revenue", "touchpoints"):
            then = read_value(self._books, kpi, first, quarter, known_on.isoformat())
            now = read_value(self._books, kpi, first, quarter)
            if then != now:
                break
        return AsKnown(kpi=kpi, period=_quarter(first), known_on=known_on.isoformat(), value=then, now=now)


class _Stream:
    """The company's events, taken as they become due."""

    def __init__(self, company: Company) -> None:
        self._events: Final = company.events()
        self._next: dict[str, Any] | None = next(self._events, None)

    @property
    def over(self) -> bool:
        """Whether everything was told."""
        return self._next is None

    def until(self, due: str, most: int) -> list[dict[str, Any]]:
        """The next events that are recorded before a moment."""
        batch: list[dict[str, Any]] = []
        while self._next is not None and self._next["recordedtime"] < due and len(batch) < most:
            batch.append(self._next)
            self._next = next(self._events, None)
        return batch


def _quarter(first: date) -> str:
    return f"{first.year}-Q{(first.month + 2) // 3}"


def _exact(value: Value) -> str:
    return "–" if value is None else f"{Decimal(str(value)):,}"
