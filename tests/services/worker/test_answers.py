"""What companies ask: Kafka and ClickHouse answer as the embedded pair does."""

from collections.abc import Callable

import pytest

from services.books import Books
from services.replay.digest import answers_digests
from services.settings import Settings
from tests.oracle.real_path import Backends
from tests.services.worker.harness import Site, stories, unique


@pytest.mark.slow
def test_every_kpi_has_the_same_answers_with_kafka_and_embedded(
    site: Site, right: Callable[..., None], backends: Backends
) -> None:
    """The same digests of the answers of all KPIs at one cut, of which the recorded time is the broker's."""
    (tenant,) = unique("acme")
    site.tell(stories([tenant], 200))
    site.begin()
    right()
    with site.books() as (_, store):
        cut = store.checkpoint(tenant)
        found = answers_digests(Books(store, tenant, Settings()), cut)
    assert len(found) > 50
    assert found == answers_digests(Books(backends.store, tenant, Settings()), cut)
