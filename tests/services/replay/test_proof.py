"""Proof: the same history gives the same digests, a changed past shows, and what is signed can be checked."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from projections.catalogue import KPIS
from services.journal.sqlite import SqliteJournal
from services.replay.attest import BadAttestation, attest, compared, make_key, read_attestation, read_key
from services.replay.chain import LINK, Seals, chain, sealed
from services.settings import Settings
from services.workspace import Workspace, WorkspaceError
from tests.services.processor.stories import story
from tests.services.replay.golden import FILE, digests, told
from tests.services.replay.test_rebuild_and_verify import tell


@pytest.mark.parametrize("batch", [997, 20_000])
def test_a_simulated_company_has_its_golden_digests(tmp_path: Path, batch: int) -> None:
    golden = json.loads(FILE.read_text("utf-8"))
    with Workspace(Settings(data=tmp_path)) as workspace:
        told(workspace)
        found = digests(workspace, batch, answers=batch > 1000)
    hint = "if this is meant, see what moved and run: python -m tests.services.replay.golden"
    if "answers" in found:
        found["answers"] = {name: found["answers"].get(name) for name in golden["answers"]}
    assert {name for name in found if found[name] != golden[name]} == set(), hint


class TestChain:
    """A value for every place of the journal, made of all before it."""

    @pytest.fixture
    def journal(self, tmp_path: Path) -> SqliteJournal:
        with Workspace(Settings(data=tmp_path)) as workspace:
            tell(workspace, "default", story(60))
        return SqliteJournal(tmp_path / "journal.sqlite")

    def test_it_does_not_depend_on_where_it_is_looked_at(
        self, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.replay.chain.LINK", 20)
        monkeypatch.setattr("services.replay.chain._CHUNK", 10)
        every = chain(journal, "default", range(61))
        assert len(set(every.values())) == 61
        for position in (0, 1, 19, 20, 21, 40, 60):
            assert chain(journal, "default", {position}) == {position: every[position]}
        assert chain(journal, "default", {99}) == {}

    def test_links_hang_on_each_other(self, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = chain(journal, "default", {60})
        monkeypatch.setattr("services.replay.chain.LINK", 20)
        monkeypatch.setattr("services.replay.chain._CHUNK", 10)
        assert chain(journal, "default", {60}) != whole

    def test_a_link_is_longer_than_what_is_read_at_once(self) -> None:
        assert LINK % 5_000 == 0

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("UPDATE entries SET body = body || ' ' WHERE place & 65535 = 15", "between positions 11 and 30"),
            ("UPDATE entries SET recorded_ms = recorded_ms - 1 WHERE place & 65535 = 3", "between positions 1 and 10"),
            ("DELETE FROM entries WHERE place & 65535 > 25", "was changed|ends at"),
        ],
    )  # fmt: skip
    def test_a_changed_past_shows_and_says_where(self, tmp_path: Path, change: str, words: str) -> None:
        seals = Seals(tmp_path / "seals.sqlite")
        with Workspace(Settings(data=tmp_path)) as workspace:
            for first, last in pairwise((0, 10, 30)):
                tell(workspace, "default", story(60)[first:last])
                assert sealed(workspace.journal, seals, "default")["tampered"] is None
            tell(workspace, "default", story(60)[30:])
            assert sealed(workspace.journal, seals, "default")["seals"] == 2
        with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db, db:
            db.execute(change)
        with SqliteJournal(tmp_path / "journal.sqlite") as journal:
            wrong = sealed(journal, seals, "default")["tampered"]
            assert wrong is not None
            assert re.search(words, wrong)
            assert sealed(journal, seals, "default")["tampered"] == wrong, "a changed past is never sealed"


class TestAttestation:
    """A signed statement."""

    @pytest.fixture
    def workspace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
        monkeypatch.setattr("services.replay.digest.KPIS", KPIS[:2])  # so few answers do not take long
        with Workspace(Settings(data=tmp_path / "data")) as opened:
            tell(opened, "default", story(60))
            opened.post_all()
            yield opened

    def test_who_has_the_same_journal_finds_the_same(self, workspace: Workspace, tmp_path: Path) -> None:
        public = make_key(tmp_path / "key.pem")
        assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
        signed = attest(workspace, "default", 40, read_key(tmp_path / "key.pem"))
        file = tmp_path / "a.json"
        file.write_text(json.dumps(signed))

        told = read_attestation(file)
        assert told["public_key"] == public
        assert set(compared(workspace, told["statement"]).values()) == {True}

        workspace.close()
        with Workspace(Settings(data=tmp_path / "other")) as other:
            tell(other, "default", story(60, seed=8))
            other.post_all()
            found = compared(other, told["statement"])
        assert (found["definitions"], found["journal"], found["ledger"], found["chain"]) == (True, False, False, False)

    @pytest.mark.parametrize("where", ["position", "ledger", "made"])
    def test_a_changed_statement_is_found(self, workspace: Workspace, tmp_path: Path, where: str) -> None:
        make_key(tmp_path / "key.pem")
        signed = attest(workspace, "default", 5, read_key(tmp_path / "key.pem"))
        signed["statement"][where] = signed["statement"][where] * 2
        (tmp_path / "a.json").write_text(json.dumps(signed))
        with pytest.raises(BadAttestation, match="changed after it was signed"):
            read_attestation(tmp_path / "a.json")

    def test_other_rules_give_other_answers_and_that_is_no_lie(self, workspace: Workspace, tmp_path: Path) -> None:
        make_key(tmp_path / "key.pem")
        said = attest(workspace, "default", 60, read_key(tmp_path / "key.pem"))["statement"]
        found = compared(workspace, said | {"definitions": "others", "answers": "others"})
        assert (found["definitions"], found["answers"], found["ledger"]) == (False, None, True)

    def test_what_is_no_key_and_no_attestation_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("{}")
        with pytest.raises(BadAttestation, match="is no attestation"):
            read_attestation(tmp_path / "x")
        with pytest.raises(WorkspaceError, match="holds no private key"):
            read_key(tmp_path / "x")
        with pytest.raises(WorkspaceError, match="exists already"):
            make_key(tmp_path / "x")
