"""The files of an import: the main ones, those beside them, and all of them opened before a line is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from services.importer import mapping as language
from services.importer.joins import Lookup
from services.importer.maker import Terms
from services.importer.mapping import Join, MappingError, Step
from services.importer.table import Table
from services.importer.translate import Translator


@dataclass(frozen=True, slots=True)
class Source:
    """One step of a mapping on one file."""

    table: Table
    translator: Translator
    is_main: bool


def sources(name: str, plan: language.Mapping, paths: Sequence[Path], terms: Terms) -> list[Source]:
    """What is read, in the order in which it is told: files beside the main ones, then those. Raises MappingError."""
    located = list(_located(name, plan, paths))
    opener = _Opener(terms)
    beside: dict[tuple[int, Path], Source] = {}
    for _, sides in located:
        for number, step in enumerate(plan.beside):
            place = number, sides[step.file]
            if place not in beside:
                nth = [each.file for each in plan.beside[:number]].count(step.file)
                name_of_step = f"{step.file}#{nth + 1}" if nth else step.file
                beside[place] = opener.source(step, sides[step.file], sides, name_of_step)
    return [*beside.values(), *(opener.source(plan.rows, main, sides, "") for main, sides in located)]


def _located(name: str, plan: language.Mapping, paths: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Path]]]:
    """Each main file, with the files beside it by name. A side file may be named on the command line, too."""
    given = {path.name: path for path in paths if path.name in plan.side_files}
    mains = [path for path in paths if path.name not in plan.side_files]
    if not mains:
        raise MappingError(
            f"{name} reads {', '.join(sorted(given)) or 'nothing'} beside a main file; allowed: that file, too"
        )
    for main in mains:
        sides = {side: given.get(side, main.parent / side) for side in sorted(plan.side_files)}
        for side, path in sides.items():
            if not path.is_file():
                raise MappingError(
                    f"{side} is not in the folder of {main.name}, and {name} reads it; allowed: the file put there, or "
                    "named on the command line"
                )
        yield main, sides | {language.SAME: main}


class _Opener:
    """Opens each file beside a main one once for each purpose."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._lookups: dict[tuple[int, Path], Lookup] = {}

    def source(self, step: Step, path: Path, sides: Mapping[str, Path], name: str) -> Source:
        columns = step.all_columns
        joined = {
            join: {column.removeprefix(f"{join}.") for column in columns if column.startswith(f"{join}.")}
            for join in step.join
        }
        own = {column for column in columns if not any(column.startswith(f"{join}.") for join in step.join)}
        lookups = {
            join: self._lookup(step.join[join], sides[step.join[join].file], wanted) for join, wanted in joined.items()
        }
        table = Table(
            path, self._terms.format.with_changes(step.format),
            columns=step.columns, needed=own, optional=step.optional_columns,
        )  # fmt: skip
        terms = replace(self._terms, is_typed=table.is_workbook or any(each.is_typed for each in lookups.values()))
        return Source(table, Translator(step, table, lookups, terms, name), not isinstance(step, language.Beside))

    def _lookup(self, join: Join, path: Path, wanted: set[str]) -> Lookup:
        place = id(join), path
        if place not in self._lookups:
            format_ = self._terms.format.with_changes(join.format)
            table = Table(path, format_, columns=join.columns, needed=wanted | {join.key})
            self._lookups[place] = Lookup(join, table, wanted)
        return self._lookups[place]
