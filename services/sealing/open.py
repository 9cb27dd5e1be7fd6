"""Opens the vault that the settings name."""

from pathlib import Path
from typing import Final

from services.sealing.master import MasterKeys, token
from services.sealing.port import SealingError, SubjectKeys
from services.sealing.register import Register
from services.sealing.remote import RemoteSubjectKeys
from services.sealing.sqlite import SqliteSubjectKeys
from services.sealing.vault import Kind, Vault
from services.settings import Settings

_SHARED: Final = (
    "https://keys.example:8090 of `salestream keystore serve`, or sqlite:///var/lib/salestream/subjects.sqlite"
)


def open_vault(settings: Settings) -> Vault:
    """The vault of the settings. Raises SealingError.

    The first one in a folder makes the master key too; where there are subject keys already, it must be there.
    """
    must_name_keys(settings)
    keys: SubjectKeys
    if settings.on_keystore:
        secret = token(settings.keystore_token, settings.keystore_token_file, make=False)
        keys = RemoteSubjectKeys(settings.subject_keys, secret, settings.keystore_cafile)
    else:
        keys, _ = open_keys(settings)
    days: dict[Kind, int] = {"inbox": settings.inbox_days, "letters": settings.letter_days}
    return Vault(keys, days, Register(settings.erasures_path))


def must_name_keys(settings: Settings) -> None:
    """Raises SealingError where the settings name no keys that there can be."""
    if settings.on_kafka and not settings.subject_keys:
        raise SealingError(
            "a journal on Kafka has several processes, which need the same keys of personal data; name one for all "
            f"with SALESTREAM_SUBJECT_KEYS, such as {_SHARED}"
        )
    if not settings.on_keystore:
        _file(settings)


def _file(settings: Settings) -> Path:
    try:
        return settings.subject_keys_path
    except ValueError as error:
        raise SealingError(f"the subject keys cannot be opened: {error}") from error


def open_keys(settings: Settings) -> tuple[SqliteSubjectKeys, MasterKeys]:
    """The keys in a file, and the master keys that open it. Raises SealingError, also where they are elsewhere."""
    if settings.on_keystore:
        raise SealingError(
            f"the subject keys are at {settings.subject_keys}; do this there, or name their file with "
            "SALESTREAM_SUBJECT_KEYS"
        )
    path = _file(settings)
    masters = MasterKeys(settings.master_key, settings.master_key_next, settings.master_key_path)
    if not path.exists() or not path.stat().st_size:
        masters.make()
    return SqliteSubjectKeys(path, masters.read), masters
