"""Puts a gateway together from the settings, and takes it apart in order."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache

from services.clock import now_ms
from services.connectors.receive import Receiver
from services.gateway.access import Caller, Gate, is_loopback
from services.gateway.app import Application, app
from services.gateway.batcher import Batcher
from services.gateway.body import Bodies
from services.gateway.following import Follower
from services.gateway.gateway import Gateway
from services.gateway.metrics import Metrics
from services.gateway.rate import Rates
from services.gateway.reader import Reader
from services.ingest import Ingest
from services.journal.port import Journal
from services.keys.port import KeyStore
from services.laws import Laws
from services.news import Recent
from services.settings import Settings
from services.store.beside import Beside
from services.store.clickhouse import ClickHouseStore
from services.store.open import open_store
from services.trail import LOCAL, Audit, Change, audited
from services.wallboard.board import Board, Boards
from services.wallboard.frame import Clock, Health
from services.wallboard.pulse import Pulse
from services.wallboard.stream import Asking, Screens
from services.wallboard.style import style
from services.workspace import Workspace


@dataclass(frozen=True)
class _Stores:
    """The store over connections of their own: who uses one does not wait for those who use another."""

    asked: Beside
    watched: Beside
    checked: Beside
    """For those who look at the laws, which takes long."""


@contextmanager
def embedded(
    workspace: Workspace, keys: KeyStore, host: str, past: str | None = None
) -> Iterator[tuple[Application, Follower]]:
    """The application over a data folder, and who posts what it takes; posted to the end when this ends.

    With ``past``, a recorded time or a position, it shows what was known then, and takes nothing.
    """
    follower, door = Follower(workspace, _others(workspace)), workspace.ingest()
    with follower, ExitStack() as apart:
        stores = _Stores(*(_over(apart.enter_context(workspace.store.apart())) for _ in range(3)))
        told = workspace.settings, workspace.journal, door, keys, host, follower, stores, past
        with _served(*told, recent=workspace.recent) as made:
            yield made, follower


@contextmanager
def alone(
    settings: Settings, journal: Journal, keys: KeyStore, host: str, past: str | None = None
) -> Iterator[Application]:
    """The application over a journal that others post; it reads the store of the settings, if that is a server.

    Events are taken also while that server cannot be reached.
    """
    with ExitStack() as opened:
        stores = None
        if settings.on_clickhouse:
            each = [opened.enter_context(closing(Beside(lambda: open_store(settings)))) for _ in range(3)]
            stores = _Stores(*each)
        door = Ingest(journal, settings.currency)
        yield opened.enter_context(_served(settings, journal, door, keys, host, None, stores, past))


@contextmanager
def watching(workspace: Workspace, keys: KeyStore, clock: Clock) -> Iterator[Application]:
    """The application over a data folder in which somebody else posts; programs on this machine may watch and ask.

    ``clock`` says what time it is in the story that is told.
    """
    settings, door = workspace.settings, workspace.ingest()
    gate = Gate(keys, Caller("local", settings.tenant), ("read", "wall"))
    with workspace.store.apart() as checked:
        beside = Beside(lambda: workspace.store)
        stores = _Stores(beside, beside, _over(checked))
        with _served(settings, workspace.journal, door, keys, "", None, stores, gate=gate, clock=clock,
                     recent=workspace.recent) as made:  # fmt: skip
            yield made


def _over(store: ClickHouseStore) -> Beside:
    return Beside(lambda: store)


@contextmanager
def _served(
    settings: Settings, journal: Journal, ingest: Ingest, keys: KeyStore, host: str, follower: Follower | None,
    stores: _Stores | None, past: str | None = None, *, gate: Gate | None = None, clock: Clock | None = None,
    recent: Recent | None = None,
) -> Iterator[Application]:  # fmt: skip
    with audited(settings) as audit:
        gate = gate or Gate(keys, open_to(settings, host))
        yield from _with_audit(settings, journal, ingest, gate, follower, stores, past, audit, clock, recent)


def _with_audit(
    settings: Settings, journal: Journal, ingest: Ingest, gate: Gate, follower: Follower | None,
    stores: _Stores | None, past: str | None, audit: Audit, clock: Clock | None, recent: Recent | None,
) -> Iterator[Application]:  # fmt: skip
    boards = Boards(settings.boards).all
    told = settings, past, journal.opened, recent
    readers = (
        {each: Reader(each, *told) for each in dict.fromkeys((stores.asked, stores.watched, stores.checked))}
        if stores
        else {}
    )
    receiver = Receiver(journal, stores.asked, ingest, settings, now=now_ms) if stores else None
    for (system, tenant), digest in receiver.mappings.items() if receiver is not None else ():
        _note_mapping(audit, tenant, system, digest)
    laws = Laws(readers[stores.checked].soon if stores else None)
    metrics = Metrics(follower.behind if follower is not None else None)
    batcher = Batcher(ingest, metrics.committed)
    gateway = Gateway(
        journal=journal,
        batcher=batcher,
        gate=gate,
        rates=Rates(settings.rate_events_per_s),
        bodies=Bodies(settings.body_timeout_s),
        metrics=metrics,
        follower=follower,
        kafka_prefix=settings.kafka_prefix,
        tenant=settings.tenant,
        audit=audit,
        reader=readers[stores.asked] if stores else None,
        checker=readers[stores.checked] if stores else None,
        laws=laws,
        receiver=receiver,
        screens=_screens(settings, journal, readers[stores.watched], laws, boards, follower, clock) if stores else None,
        past=past,
    )
    try:
        yield app(gateway)
    finally:
        batcher.close()
        for reader in readers.values():
            reader.close()


def _screens(
    settings: Settings, journal: Journal, reader: Reader, laws: Laws, boards: dict[str, Board],
    follower: Follower | None, clock: Clock | None = None,
) -> Screens:  # fmt: skip
    def posted(tenant: str | None) -> int | None:
        return follower.posted(tenant or settings.tenant) if follower is not None else None

    @cache
    def health(tenant: str | None) -> Health:
        return Pulse(journal, tenant or settings.tenant, laws)

    asking = Asking(reader, clock, posted if follower is not None else None, health)
    screens = Screens(asking, boards, style(settings))
    if follower is not None:
        follower.watched, follower.posted_more = screens.watched, asking.bell.ring
    return screens


def _note_mapping(audit: Audit, tenant: str, system: str, digest: str) -> None:
    """That a mapping is another than when it was noted last."""
    last = audit.last(tenant, "mapping.changed", "system", system)
    if last is None or last["digest"] != digest:
        audit.changed(Change("mapping.changed", tenant, LOCAL, {"system": system, "digest": digest}))


def open_to(settings: Settings, host: str) -> Caller | None:
    """Who a program on this machine is without a key; None where it needs one, as always beyond loopback."""
    if not settings.open_on_loopback or not is_loopback(host):
        return None
    return Caller("local", settings.tenant if "tenant" in settings.model_fields_set else None)


def _others(workspace: Workspace) -> Callable[[], None] | None:
    """Takes in what other processes have told, where the journal is one that they share."""
    if not workspace.settings.on_kafka:
        return None
    from services.journal.kafka import KafkaJournal

    assert isinstance(workspace.journal, KafkaJournal), "the settings say so"
    return workspace.journal.catch_up
