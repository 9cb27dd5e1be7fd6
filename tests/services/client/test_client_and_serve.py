"""The client against ``salestream serve``, both of which may be killed at any moment."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from events.deals import DealLost, DealWon
from services.client.client import Client, Patience, Undelivered
from services.client.telling import Dated
from services.journal.sqlite import SqliteJournal
from tests.services.client.conftest import Door
from tests.services.client.teller import AT
from tests.services.gateway.test_serve import served
from tests.services.journal.telling import everything

pytestmark = pytest.mark.e2e
OPEN = {"SALESTREAM_OPEN_ON_LOOPBACK": "1"}
QUICK = Patience(0.05, 0.2)


def journalled(folder: Path) -> list[str]:
    """The ids in a journal, in order."""
    with SqliteJournal(folder / "journal.sqlite") as journal:
        return [entry.id for entry in everything(journal, "default")]


def test_what_became_of_each_event_comes_back(door: Door, tmp_path: Path) -> None:
    with Client(door.url, source="/shop", spool=tmp_path / "spool", patience=QUICK) as nobody:
        nobody.tell(DealWon(deal_id="D-1", amount="12000.50"), time=AT)
        with pytest.raises(Undelivered, match="a key is needed"):
            nobody.flush(timeout_s=1)
        nobody.close(timeout_s=0)
    with Client(door.url, source="/shop", key=door.key, spool=tmp_path / "spool") as client:
        client.tell(DealWon(deal_id="D-1", amount="12000.50"), time=AT)
        client.tell(DealLost(deal_id="D-2", reason="price"), time=AT, id="lost")
        client.tell(DealLost(deal_id="D-2", reason="another"), time=AT, id="lost")
        done = client.flush()

    assert (done.accepted, done.duplicates) == (2, 1)
    assert [(each.id, "other content" in each.reason) for each in done.refused] == [("lost", True)]


def test_too_fast_is_told_again_when_the_gateway_wants(door: Door, tmp_path: Path) -> None:
    start = time.monotonic()
    with Client(door.url, source="/shop", key=door.key, spool=tmp_path / "spool", batch_events=300) as client:
        client.tell_all(Dated(DealWon(deal_id=f"D-{n}", amount="1.00"), AT) for n in range(700))
        done = client.flush()
    took_s = time.monotonic() - start

    assert (done.accepted, done.duplicates, done.refused) == (700, 0, ())
    assert took_s >= 1, "the bucket holds what it gains in two seconds, and 200 more are taken on credit"


def test_killed_clients_and_servers_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    folder, spool = tmp_path / "data", tmp_path / "spool"
    said: set[str] = set()
    with served(folder, **OPEN) as house:
        url = house.told["address"]
        port = url.rpartition(":")[2]
        said |= killed_teller(url, spool, after_s=0.5)
        with teller(url, spool) as running:
            assert running.stdout is not None
            said.add(running.stdout.readline().strip())
            time.sleep(0.3)
            house.running.kill()
            house.running.wait()
            time.sleep(0.3)
            said |= kill(running)
    with (
        Client(url, source="/shop", spool=spool, patience=QUICK) as client,
        served(folder, "--port", port, **OPEN) as house,
    ):
        done = client.flush()
        assert client.waiting() == 0
        house.end()

    ids = journalled(folder)
    assert not done.refused
    assert len(ids) == len(set(ids))
    assert said <= set(ids), "told, and lost"
    assert len(said) > 20


def teller(url: str, spool: Path) -> "subprocess.Popen[str]":
    """A process that tells until it is killed."""
    command = [sys.executable, "-m", "tests.services.client.teller", url, str(spool)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3], env=os.environ)


def kill(running: "subprocess.Popen[str]") -> set[str]:
    """The ids that it was told were kept."""
    running.kill()
    out, _ = running.communicate()
    return set(out.rpartition("\n")[0].splitlines())


def killed_teller(url: str, spool: Path, after_s: float) -> set[str]:
    """One that ended so some time after it had begun."""
    with teller(url, spool) as running:
        assert running.stdout is not None
        first = running.stdout.readline().strip()
        time.sleep(after_s)
        return {first} | kill(running)
