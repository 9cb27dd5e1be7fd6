"""``salestream import``: the files of a system, through its mapping, into the journal."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from services.importer.files import Source, sources
from services.importer.library import mapping_for
from services.importer.maker import Maker, Terms
from services.importer.mapping import Mapping, MappingError
from services.importer.teller import Company, Teller
from services.importer.template import BadRow
from services.importer.translate import Made, event_id

Progress = Callable[[int], None]


def import_files(
    workspace: Company,
    system: str,
    files: Sequence[Path],
    mapping: Path | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Tells what files say, through the mapping of their system or one of your own.

    ``{"accepted", "duplicates", "refused": [{"file", "line", "id", "reason"}], "refused_count", "position"}``. A line
    is told wholly or not at all. A dry run writes nothing and adds ``"told"``, how many events of each type, and
    ``"examples"``, the first of each with its file and line. ``progress`` is given the bytes that were read.

    Raises MappingError: before anything is told, where the mapping or a file cannot be used; before anything of a file
    is told, where a broken line leaves a group of it incomplete, or where its first thousand lines are all refused.
    """
    name, plan = mapping_for(system, mapping)
    teller = Teller(workspace, source=plan.source, dry_run=dry_run)
    terms = _terms(workspace, plan, teller)
    once = _once(name, plan, terms)
    teller.check_once(name, once)
    terms = _terms(workspace, plan, teller)
    read = sources(name, plan, files, terms)
    teller.tell_once(name, once)
    for source in read:
        _tell(teller, source, progress)
    return teller.report()


def _terms(workspace: Company, plan: Mapping, teller: Teller) -> Terms:
    return Terms(
        source=plan.source,
        format=plan.format,
        zone=plan.timezone or workspace.settings.timezone,
        currency=plan.currency or teller.currency,
        names_currency=plan.currency is not None,
    )


def _once(name: str, plan: Mapping, terms: Terms) -> list[Made]:
    """The events that the mapping itself tells. Raises MappingError."""
    told = []
    for number, event in enumerate(plan.once, 1):
        try:
            made = Maker(event, terms, plan.format).event({}, {})
        except BadRow as error:
            raise MappingError(f"{name}: once[{number}] {error}") from None
        assert made is not None, "what is told once has no conditions"
        id_ = event.id[0].text if event.id else event_id(plan.source, "once", "", event.type)
        told.append(Made({"specversion": "1.0", "id": id_, "source": plan.source, **made}, event.first_stands))
    return told


def _tell(teller: Teller, source: Source, progress: Progress | None) -> None:
    """Tells one file."""
    teller.begin()
    if source.is_main:
        source.table.watch = progress
    for piece in source.translator.pieces():
        source.translator.settle(teller.tell(source.table.path.name, source.table.header, piece))
    teller.flush()
