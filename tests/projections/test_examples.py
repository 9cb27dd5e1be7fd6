"""Every KPI has a worked example, and the real path gives it."""

from collections.abc import Callable

import pytest

from events.samples import told
from projections.catalogue import BY_ID
from projections.examples import EXAMPLES
from tests.oracle.real_path import Company


def test_every_kpi_has_an_example() -> None:
    assert list(EXAMPLES) == list(BY_ID), "give each KPI of the catalogue an example, in the same order"


@pytest.mark.parametrize("kpi", EXAMPLES)
def test_the_real_path_gives_the_example(kpi: str, company: Callable[..., Company]) -> None:
    example = EXAMPLES[kpi]
    events = [told(event, id=f"e{number}", time=time) for number, (time, event) in enumerate(example.given)]

    answer = company(events).books.ask(example.question(kpi))

    (row,) = answer["rows"]
    assert row["value"] == example.shown(), f"{kpi}: {row['parts']}"


@pytest.mark.parametrize("kpi", EXAMPLES)
def test_an_example_is_small_and_explains_itself(kpi: str) -> None:
    example = EXAMPLES[kpi]
    lines = example.words().splitlines()

    assert 2 <= len(example.given) <= 6
    assert lines[-1].startswith("`--from ")
    assert lines[-1].endswith(f": {example.why}")
    assert len(lines) == len(example.given) + 4


def test_words_show_events_question_and_answer() -> None:
    assert (
        EXAMPLES["weighted_pipeline"].words()
        == """\
| day | event | tells |
|---|---|---|
| 2026-01-01 | `pipeline.defined` | pipeline default, stages qualified 0.2 → proposal 0.5 |
| 2026-03-02 | `deal.created` | deal_id D-1, stage proposal, pipeline default, amount 60000.00, currency CNY |
| 2026-03-03 | `deal.created` | deal_id D-2, stage qualified, pipeline default, amount 40000.00, currency CNY |
| 2026-03-09 | `deal.updated` | deal_id D-2, probability 0.9 |

`--from 2026-03 --to 2026-04` gives **66,000.00**: 60,000 * 0.5 of its stage + 40,000 * 0.9 of its own."""
    )
