"""Which ledger store there is: chosen by the setting's scheme."""

from services.settings import Settings
from services.store.clickhouse import ClickHouseStore, open_chdb
from services.store.server import open_server


def open_store(settings: Settings) -> ClickHouseStore:
    """The store of these settings. Raises StoreError, and ValueError where the setting names none."""
    if not settings.store.startswith("clickhouse:"):
        return open_chdb(settings.store_path)
    return open_server(
        settings.store,
        settings.store_password.get_secret_value(),
        cluster=settings.store_cluster,
        timeout_s=settings.store_timeout_s,
    )
