"""Everything that people read on the command line is also there in Chinese."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.catalogue import KPIS
from services.cli import app, show
from services.meanings import meaning
from services.settings import Settings
from services.words import in_chinese

FOLDER = Path(app.__file__).parent
UNTRANSLATED = {"KPI", "中文", ""}


def texts(source: str) -> Iterator[str]:
    """The texts that are handed to ``t``: alone, or as ``t(name) for name in (…)``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and is_t(node.func) and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)
        if isinstance(node, ast.ListComp) and isinstance(node.elt, ast.Call) and is_t(node.elt.func):
            found = node.generators[0].iter
            yield from (str(each.value) for each in ast.walk(found) if isinstance(each, ast.Constant))


def is_t(called: ast.expr) -> bool:
    """Whether it is ``t`` or ``session.t``."""
    return (isinstance(called, ast.Name) and called.id == "t") or (
        isinstance(called, ast.Attribute) and called.attr == "t"
    )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_every_text_is_known_in_chinese(path: Path) -> None:
    missing = [text for text in texts(path.read_text("utf-8")) if in_chinese(text) == text]

    assert set(missing) <= UNTRANSLATED, "add them to services/words.py"


def test_texts_are_found() -> None:
    source = 't("a"); session.t("b"); [session.t(name) for name in ("c", *more)]; other("d")'

    assert sorted(texts(source)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "name",
    sorted(
        {show.part(part.name) for kpi in KPIS for part in kpi.parts}
        | {dim for kpi in KPIS for dim in kpi.dims - {"attributes"}}
    ),
)
def test_every_part_and_dimension_is_known_in_chinese(name: str) -> None:
    assert in_chinese(name) != name, "add it to services/words.py"


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.id)
def test_every_meaning_is_known_in_chinese(kpi: object) -> None:
    assert meaning(kpi.id, kpi.meaning, "zh") != kpi.meaning, "add it to services/words.py"  # type: ignore[attr-defined]


def test_every_setting_is_known_in_chinese() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description
        assert in_chinese(field.description) != field.description, name
