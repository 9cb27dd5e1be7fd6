"""Where the mappings of webhooks come from: those that ship, and a folder of your own."""

from importlib import resources
from pathlib import Path
from typing import Final

from services.connectors.mapping import HookMapping
from services.importer.library import load_as
from services.importer.mapping import MappingError

_HELP: Final = "docs/connectors.md"


def mapping_for(system: str, tenant: str, folder: Path | None) -> HookMapping:
    """The tenant's mapping: ``folder/tenant/system.yaml``, else ``folder/system.yaml``, else the one that ships.

    Raises MappingError, with the file, the key and what is allowed.
    """
    return load(*text_for(system, tenant, folder))


def text_for(system: str, tenant: str, folder: Path | None) -> tuple[str, bytes]:
    """The file of that mapping, by name, and what stands in it. Raises MappingError."""
    name = f"{system}.yaml"
    if folder is not None:
        if not folder.is_dir():
            raise MappingError(f"SALESTREAM_MAPPINGS is {folder}, which is no folder; allowed: a folder of mappings")
        for path in (folder / tenant / name, folder / name):
            if path.is_file():
                return str(path), path.read_bytes()
    return name, (resources.files("services.connectors") / "mappings" / name).read_bytes()


def load(name: str, raw: bytes) -> HookMapping:
    """The mapping that is written in a file. Raises MappingError."""
    return load_as(HookMapping, name, raw, _HELP)
