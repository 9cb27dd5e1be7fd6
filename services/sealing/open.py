"""Opens the vault that the settings name."""

from services.sealing.master import master_key
from services.sealing.port import SealingError
from services.sealing.sqlite import SqliteSubjectKeys
from services.sealing.vault import Vault
from services.settings import Settings


def open_vault(settings: Settings) -> Vault:
    """The vault of the settings. Raises SealingError.

    The first one in a folder makes the master key too; where there are subject keys already, it must be there.
    """
    if settings.on_kafka and not settings.subject_keys:
        raise SealingError(
            "a journal on Kafka has several processes, which need the same keys of personal data; name one for all "
            "with SALESTREAM_SUBJECT_KEYS, such as sqlite:///var/lib/salestream/subjects.sqlite"
        )
    try:
        path = settings.subject_keys_path
    except ValueError as error:
        raise SealingError(f"the subject keys cannot be opened: {error}") from error
    is_new = not path.exists() or not path.stat().st_size
    master = master_key(settings.master_key.get_secret_value(), settings.master_key_path, make=is_new)
    return Vault(SqliteSubjectKeys(path, master), {"inbox": settings.inbox_days, "letters": settings.letter_days})
