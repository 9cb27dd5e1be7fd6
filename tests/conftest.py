"""What every test stands on: how hard hypothesis searches, settings that start out empty, and the one store."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from services.journal.sqlite import SqliteJournal
from services.store.clickhouse import ClickHouseStore
from tests.oracle.real_path import Backends, Company

# Shared modules whose assertions should explain themselves as a test's own do.
pytest.register_assert_rewrite("tests.contracts")

pytest_plugins = ["tests.kafka.fixtures"]

settings.register_profile("dev", max_examples=25, deadline=None, print_blob=True)
# CI draws the same examples every time, so that it judges the change and not the luck of the draw.
settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell starts what it runs in the background deaf to Ctrl-C. Processes that tests start must hear it, and have
    # it from here: a preexec_fn would run Python in a fork of a process with threads.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Each opening of the embedded engine leaves files of /proc open until the process ends, three for each of its threads:
# more than the thousand that many machines allow at first.
FILES = 16_384
allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
if allowed < FILES and (most >= FILES or most == resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, most))


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees no ``SALESTREAM_*`` variable that it has not set itself."""
    for name in [name for name in os.environ if name.startswith("SALESTREAM_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def backends_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the journal and the store of a test process lie."""
    return tmp_path_factory.mktemp("backends")


@pytest.fixture(scope="module")
def backends(backends_folder: Path) -> Iterator[Backends]:
    """The journal and the store of this process: the same files for the whole session, a new tenant for each test.

    They are closed after each module, for chDB holds one folder at a time and some modules open folders of their own.
    """
    opened = Backends(backends_folder)
    yield opened
    opened.close()


@pytest.fixture
def store(backends: Backends) -> ClickHouseStore:
    """The store; take a tenant of your own, as from ``company``."""
    return backends.store


@pytest.fixture
def journal(backends: Backends) -> SqliteJournal:
    """The journal beside the store."""
    return backends.journal


@pytest.fixture
def company(backends: Backends) -> Callable[..., Company]:
    """A new tenant whose ledger holds these events."""
    return backends.company
