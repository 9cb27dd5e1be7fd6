"""The register of erasures: whole after a crash, and nothing else than it is."""

from pathlib import Path

import pytest

from services.sealing.port import SealingError, Slot
from services.sealing.register import Register


def test_a_line_that_a_crash_cut_off_counts_nothing_and_is_written_over(tmp_path: Path) -> None:
    register = Register(tmp_path / "erasures.jsonl")
    register.add([(Slot("a", "lead:1"), 1_000)])
    with (tmp_path / "erasures.jsonl").open("ab") as file:
        file.write(b'{"tenant":"a","subj')
    assert register.read() == {Slot("a", "lead:1"): 1_000}
    assert register.add([(Slot("a", "lead:2"), 2_000), (Slot("a", "lead:1"), 3_000)]) == 1
    assert register.read() == {Slot("a", "lead:1"): 1_000, Slot("a", "lead:2"): 2_000}
    assert (tmp_path / "erasures.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "erasures.jsonl").write_text("nonsense\n")
    with pytest.raises(SealingError, match="is no register of erasures; allowed: lines such as"):
        Register(tmp_path / "erasures.jsonl").read()
