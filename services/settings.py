"""Every setting there is: an environment variable with its type, default and meaning."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from events.currencies import EXPONENTS


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; allowed: a name such as Asia/Shanghai or UTC") from error
    return name


def _currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError(f"{code!r} is no currency; allowed: an ISO 4217 code such as CNY or USD")
    return code


class Settings(BaseSettings):
    """What can be set from outside, each as ``SALESTREAM_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="SALESTREAM_", extra="ignore")

    data: Annotated[Path, Field(description="Folder of the journal and the store.")] = Path("salestream-data")
    journal: Annotated[
        str, Field(description="Where the journal is: sqlite:///path. Empty: journal.sqlite in the data folder.")
    ] = ""
    store: Annotated[
        str, Field(description="Where the ledger is: chdb:///path. Empty: the folder store in the data folder.")
    ] = ""
    tenant: Annotated[str, Field(description="Whose books to read.", pattern=r"^[a-z0-9_-]{1,64}$")] = "default"
    timezone: Annotated[
        str, AfterValidator(_zone), Field(description="Time zone of the days; the tenant's calendar.defined wins.")
    ] = "UTC"
    currency: Annotated[
        str,
        AfterValidator(_currency),
        Field(description="Currency of the company; the tenant's calendar.defined wins."),
    ] = "CNY"
    lang: Annotated[Literal["en", "zh"], Field(description="Language of what people read.")] = "en"
    customer_lifespan_years: Annotated[
        int, Field(ge=1, le=100, description="How long a customer stays, for clv, where nobody churned.")
    ] = 5
    inbox_days: Annotated[int, Field(ge=1, le=3650, description="How long raw input is kept.")] = 30
    history_events: Annotated[int, Field(ge=1000, description="Events of active entities held in memory.")] = 200_000

    @property
    def journal_path(self) -> Path:
        """The journal's file. Raises ValueError for another adapter than SQLite."""
        return _path(self.journal, "sqlite", self.data / "journal.sqlite")

    @property
    def store_path(self) -> Path:
        """The store's folder. Raises ValueError for another adapter than chDB."""
        return _path(self.store, "chdb", self.data / "store")


def _path(url: str, scheme: str, default: Path) -> Path:
    if not url:
        return default
    prefix = f"{scheme}:///"
    if not url.startswith(prefix) or len(url) == len(prefix):
        raise ValueError(f"{url.split('@')[-1]!r} is not supported here; allowed: {prefix}path")
    return Path("/" + url[len(prefix) :]) if not url[len(prefix) :].startswith(".") else Path(url[len(prefix) :])
