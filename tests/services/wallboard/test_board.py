"""Boards: what is declared wrongly is one sentence that names the place."""

from pathlib import Path

import pytest

from services.wallboard.board import BoardError, Boards, board

TITLE = "title: {en: A, zh: 甲}\n"


def test_those_that_come_with_it_are_fine() -> None:
    assert set(Boards().all) == {"health", "management", "rep", "sales"}


def test_a_company_adds_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TITLE + "tiles: [{kind: number, kpi: revenue}]", "utf-8")
    assert set(Boards(tmp_path).all) == {"health", "management", "mine", "rep", "sales"}


@pytest.mark.parametrize(
    ("tiles", "sentence"),
    [
        ("[{kind: number, kpi: turnover}]", "tile 1: kpi 'turnover' is not known; allowed: bookings"),
        ("[{kind: number, kpi: revenue, by: region}]", "tile 1: by is not for a number; allowed: kind bars"),
        ("[{kind: bars, kpi: revenue}]", "tile 1: by is missing; allowed: one dimension"),
        ("[{kind: bars, kpi: revenue, by: stage}]", "tile 1: by 'stage' is no dimension of revenue; allowed: "),
        ("[{kind: pie, kpi: revenue}]", "own.yaml, tile 1, kind: invalid enum value 'pie'; allowed: number, trend"),
        (
            "[{kind: number, kpi: revenue, colour: red}]",
            "tile 1: object contains unknown field `colour`; allowed: kind, kpi",
        ),
        (
            "[{kind: wins}, {kind: number, kpi: revenue, title: {en: A}}]",
            "tile 2, title: object missing required field",
        ),
        (
            "[{kind: number, kpi: revenue, where: region=E}]",
            "tile 1, where: expected `array`, got `str`; allowed: a list",
        ),
        ("[{kind: table, by: region}]", "tile 1: kpis is missing; allowed: a list of KPIs"),
        ("[{kind: heat, kpi: win_rate}]", "tile 1: kpi 'win_rate' is no sum over time, which a heat needs"),
        ("[{kind: funnel, kpi: bookings, by: stage}]", "'bookings' is not what a funnel shows"),
        ("[{kind: bars, kpi: stage_days, by: region}]", "tile 1: by 'region' does not fit stage_days; allowed: stage"),
        ("[{kind: number, kpi: revenue, wide: 13}]", "tile 1, wide: expected `int` <= 12; allowed: 1 to 12"),
        ("[{kind: bridge, kpi: weighted_pipeline, by: stage}]", "'weighted_pipeline' is no sum over time"),
        ("[{kind: bridge, kpi: pipeline_bridge, by: stage}]", "'pipeline_bridge' is no sum over time"),
        ("[]", "own.yaml, tiles: expected `array` of length >= 1; allowed: a list of 1 to 40 tiles"),
        ("[", "own.yaml is no YAML: "),
    ],
)
def test_what_is_wrong_is_named(tiles: str, sentence: str) -> None:
    with pytest.raises(BoardError) as told:
        board("own.yaml", f"{TITLE}tiles: {tiles}")
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("of", ["team_id", "region", "product"])
def test_a_board_about_one_refuses_what_cannot_be_asked_of_it(of: str) -> None:
    """Targets are of one scope; a rep's can be narrowed by where the rep belongs."""
    tiles = "tiles: [{kind: bars, kpi: pipeline_coverage, by: %s}]\nof: " + of
    assert board("own.yaml", TITLE + tiles % of).of == of
    for by in {"rep_id", "team_id", "region", "product"} - {of}:
        if by == "rep_id" and of != "product":
            assert board("own.yaml", TITLE + tiles % by).of == of
            continue
        with pytest.raises(BoardError, match=f"^own.yaml, tile 1: by and where name .*{of}.*; allowed: one of product"):
            board("own.yaml", TITLE + tiles % by)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "own.yaml: expected `object`, got `null`; allowed: title, tiles, of, names, celebrate, lang"),
        ("title: A\ntiles: [{kind: wins}]", "own.yaml, title: expected `object`, got `str`; allowed: a text in both"),
        (TITLE + "lang: fr\ntiles: [{kind: wins}]", "own.yaml, lang: invalid enum value 'fr'; allowed: en, zh"),
        (TITLE + "names: x\ntiles: [{kind: wins}]", "own.yaml, names: invalid enum value 'x'; allowed: full, initials"),
        (TITLE + "celebrate: 5\ntiles: [{kind: wins}]", "celebrate: expected `str`, got `int`; allowed: an amount in"),
    ],
    ids=["empty", "title", "lang", "names", "celebrate"],
)
def test_what_is_wrong_with_the_board_is_named(text: str, sentence: str) -> None:
    with pytest.raises(BoardError) as told:
        board("own.yaml", text)
    assert sentence in str(told.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"^there is no folder \S+ with boards; make it"):
        _ = Boards(tmp_path / "none").all


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(BoardError, match=r"My Board\.yaml is no name of a board; allowed: a-z"):
        board("My Board.yaml", TITLE)
