"""What is personal is sealed before it is kept, and stays one event however often it is told."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as settings_
from hypothesis import strategies as st

from events import codec
from events.personal import ERASED, PERSONAL, SEALED
from events.samples import full_sample, told
from events.vocabulary import BY_TYPE
from services.cli.app import main
from services.journal.open import open_journal
from services.journal.port import Refused
from services.journal.sqlite import SqliteJournal
from services.sealing.fence import proof
from services.sealing.open import open_vault
from services.sealing.port import Slot
from services.sealing.register import Register
from services.sealing.subjects import erase, mention_of
from services.settings import Settings
from tests.services.sealing.conftest import CANARY, NOW, data, hits, lead

REFUSED = Refused(
    tenant="default",
    reason="why",
    body=json.dumps({"type": "lead.created", "data": data()}, ensure_ascii=False).encode(),
)

each_type = pytest.mark.parametrize("type_", sorted(PERSONAL))


def moved(settings: Settings, target: Path) -> int:
    there = f"sqlite://{target}"
    return main(["--data", str(settings.data), "move", "--from", f"sqlite://{settings.journal_path}", "--to", there])


def body(journal: SqliteJournal, position: int = 1, *, opened: bool = False) -> dict[str, object]:
    (entry,) = journal.entries("default", [position])
    found: dict[str, object] = json.loads((journal.opened(entry) if opened else entry).body)
    return found


def status(journal: SqliteJournal, *events: object) -> list[tuple[str, int]]:
    verdicts = journal.append(events, now_ms=NOW)  # type: ignore[arg-type]
    return [(verdict.status, verdict.position) for verdict in verdicts]


@each_type
def test_every_personal_field_is_sealed_and_comes_back(type_: str, journal: SqliteJournal) -> None:
    whole = full_sample(BY_TYPE[type_])
    event = codec.decode(told(whole, correlationid="c", zone="eu"), now_ms=NOW, currency="CNY")

    assert status(journal, event) == [("accepted", 1)]

    kept = body(journal)
    assert not set(PERSONAL[type_]) & set(kept["data"])  # type: ignore[call-overload]
    assert str(kept[SEALED]).startswith("v1.")
    (entry,) = journal.read("default", 0, 1)
    assert codec.read(journal.opened(entry)).data == whole
    assert codec.read(entry).entity == codec.read(journal.opened(entry)).entity


def test_nothing_personal_is_in_any_file(settings: Settings, journal: SqliteJournal) -> None:
    journal.append([lead()], now_ms=NOW)
    journal.append([], [Refused(tenant="default", reason="why", body=f"{{{CANARY}".encode())], now_ms=NOW)
    journal.keep("default", "hubspot", NOW, CANARY.encode(), {})

    assert hits(settings.data, CANARY) == []
    letter, (delivery,) = journal.letter("default", 1), journal.inbox("default", 0, 9)
    assert letter is not None
    assert (letter.body, delivery.raw) == (f"{{{CANARY}".encode(), CANARY.encode())


def test_told_again_it_is_a_duplicate_and_otherwise_a_conflict(journal: SqliteJournal) -> None:
    assert status(journal, lead(), lead()) == [("accepted", 1), ("duplicate", 1)]
    assert status(journal, lead()) == [("duplicate", 1)]
    assert status(journal, lead(data=data(name="somebody else"))) == [("conflict", 1)]
    assert status(journal, lead(data={"lead_id": "L-1"})) == [("conflict", 1)]
    assert hits(Path(journal._path).parent, CANARY, "somebody else") == []


def test_after_the_erasure_too(journal: SqliteJournal) -> None:
    journal.append([lead(), proof("default", "lead:L-1", NOW)], now_ms=NOW)

    assert status(journal, lead()) == [("duplicate", 1)]
    assert status(journal, lead(data=data(region="华东"))) == [("conflict", 1)]


def test_what_comes_after_an_erasure_is_not_kept(settings: Settings, journal: SqliteJournal) -> None:
    journal.append([lead(), proof("default", "lead:L-1", NOW)], now_ms=NOW)

    assert status(journal, lead("e-2"), lead("e-3", lead_id="L-2", data=data("L-2"))) == [
        ("accepted", 3),
        ("accepted", 4),
    ]
    assert status(journal, lead("e-2")) == [("duplicate", 3)]

    assert body(journal, 3)[SEALED] == ERASED
    assert journal.vault is not None
    states = [journal.vault.state(entry) for entry in journal.read("default", 0, 9)]
    assert states == ["erased", "", "erased", "open"]
    assert "contact" not in body(journal, 1, opened=True)["data"]  # type: ignore[operator]
    assert "contact" in body(journal, 4, opened=True)["data"]  # type: ignore[operator]


def test_the_destroyed_key_is_in_no_file(settings: Settings, journal: SqliteJournal) -> None:
    journal.append([lead(), lead("e-2", lead_id="L-2", data=data("L-2"))], now_ms=NOW)
    assert journal.vault is not None
    keys = journal.vault.keys
    rows = keys._db.execute("SELECT wrapped FROM subjects WHERE subject = 'lead:L-1'")  # type: ignore[attr-defined]
    ((wrapped,),) = rows.fetchall()
    assert any(wrapped in path.read_bytes() for path in settings.data.iterdir())

    keys.destroy(Slot("default", "lead:L-1"), NOW)

    assert not [path.name for path in settings.data.iterdir() if wrapped in path.read_bytes()]
    assert keys.key(Slot("default", "lead:L-2")) is not None


@settings_(max_examples=30, deadline=None)
@given(name=st.text(min_size=1, max_size=30), other=st.text(min_size=1, max_size=30))
def test_sealing_depends_on_nothing_but_what_is_told(
    name: str, other: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_journal(Settings(data=tmp_path_factory.mktemp("data"))) as journal:
        try:
            one, two = lead(data=data(name=name)), lead(data=data(name=other))
        except codec.InvalidEvent:
            return
        expected = "duplicate" if name == other else "conflict"
        assert status(journal, one, two, one) == [("accepted", 1), (expected, 1), ("duplicate", 1)]
        (entry,) = journal.read("default", 0, 1)
        assert codec.read(journal.opened(entry)).data == one.data


def test_sealed_fields_open_nowhere_else(journal: SqliteJournal) -> None:
    journal.append([lead()], now_ms=NOW)
    token = body(journal)[SEALED]
    stolen = lead("e-2", data={"lead_id": "L-1"}, sealed=token, importer=True)
    changed = lead("e-3", data={"lead_id": "L-1"}, sealed=f"{str(token)[:-2]}AA", importer=True)
    journal.append([stolen, changed], now_ms=NOW)

    for position in (2, 3):
        assert "contact" not in body(journal, position, opened=True)["data"]  # type: ignore[operator]


def test_an_export_told_again_is_a_duplicate_and_makes_the_same_journal(journal: SqliteJournal, tmp_path: Path) -> None:
    journal.append([lead(), proof("default", "lead:L-9", NOW)], now_ms=NOW)
    exported = [codec.export(entry) for entry in journal.read("default", 0, 9)]

    def again() -> list[object]:
        return [codec.decode(codec.parse(each), now_ms=NOW, currency="CNY", importer=True) for each in exported]

    assert [what for what, _ in status(journal, *again())] == ["duplicate", "duplicate"]
    with open_journal(Settings(data=tmp_path / "other")) as other:
        assert [what for what, _ in status(other, *again())] == ["accepted", "accepted"]
        assert [each.body for each in other.read("default", 0, 9)] == [
            each.body for each in journal.read("default", 0, 9)
        ]
        assert other.vault is not None
        assert other.vault.keys.is_erased(Slot("default", "lead:L-9"))


def test_the_key_is_that_of_whom_it_is_about(journal: SqliteJournal) -> None:
    def answer(id_: str, **facts: str) -> object:
        told = {"kind": "nps", "score": 9, "comment": CANARY} | facts
        return lead(id_, type="survey.answered", data=told)

    journal.append(
        [answer("1", respondent_id="P-1", customer_id="C-1"), answer("2", customer_id="C-1"), answer("3")],  # type: ignore[list-item]
        now_ms=NOW,
    )

    assert journal.vault is not None
    rows = journal.vault.keys._db.execute("SELECT subject FROM subjects ORDER BY subject")  # type: ignore[attr-defined]
    assert [row[0] for row in rows] == ["customer:C-1", "respondent:P-1", "survey:/crm#3"]


def test_bodies_can_be_read_until_their_time_is_over(settings: Settings, journal: SqliteJournal) -> None:
    day = 86_400_000
    journal.append([], [Refused(tenant="default", reason="why", body=b"old")], now_ms=NOW)
    journal.keep("default", "hubspot", NOW, b"old", {})

    journal.keep("default", "hubspot", NOW + 31 * day, b"new", {})
    journal.append([], [Refused(tenant="default", reason="why", body=b"new")], now_ms=NOW + 91 * day)

    assert [each.body for each in journal.letters("default")] == [b"", b"new"]
    assert [each.raw for each in journal.inbox("default", 0, 9)] == [b"", b"new"]


class TestRawDeliveries:
    @pytest.mark.parametrize(
        "raw",
        [b'{"id":"L-1","name":"x"}', b"id=L-1&name=x", b'{"id": ["L-1"]}', b"L-1"],
        ids=["json", "form", "list", "alone"],
    )
    def test_one_that_mentions_whom_is_erased_is_gone(
        self, raw: bytes, settings: Settings, journal: SqliteJournal
    ) -> None:
        journal.keep("default", "hubspot", NOW, raw, {})
        journal.keep("other", "hubspot", NOW, raw, {})
        kept = journal._reader.execute("SELECT raw FROM inbox WHERE tenant = 'default'").fetchone()[0]

        done = erase(journal, "default", "lead:L-1", now_ms=NOW)

        assert done["raw"] == 1
        assert journal.inbox("default", 0, 9) == []
        assert len(journal.inbox("other", 0, 9)) == 1
        assert not [path.name for path in settings.data.iterdir() if kept in path.read_bytes()]
        assert erase(journal, "default", "lead:L-1", now_ms=NOW)["raw"] == 0

    def test_one_that_mentions_somebody_else_stays(self, journal: SqliteJournal) -> None:
        for raw in (b'{"id":"L-11"}', b'{"id":"XL-1"}', b'{"id":"L-1-2"}', b'{"id":"L_1"}'):
            journal.keep("default", "hubspot", NOW, raw, {})
        assert erase(journal, "default", "lead:L-1", now_ms=NOW)["raw"] == 0
        assert len(journal.inbox("default", 0, 9)) == 4

    def test_ids_are_found_however_they_are_spelled(self) -> None:
        find = mention_of("customer:客户 1".replace(" ", "-")).search
        assert all(map(find, ['"客户-1"'.encode(), rb'"\u5ba2\u6237-1"', b"c=%E5%AE%A2%E6%88%B7-1&d=2"]))

    def test_a_refusal_that_is_decided_is_emptied_and_one_that_is_not_stays(self, journal: SqliteJournal) -> None:
        told = [Refused(tenant="default", reason="why", body=f'{{"x":"L-1",{n}'.encode()) for n in (1, 2)]
        journal.append([], told, now_ms=NOW)
        journal.close_letter("default", 1, "discarded")

        assert erase(journal, "default", "lead:L-1", now_ms=NOW)["raw"] == 1
        assert [each.body for each in journal.letters("default", open_only=False)] == [b"", told[1].body]


class TestKeys:
    def test_the_master_key_is_for_its_owner_only(self, settings: Settings, journal: SqliteJournal) -> None:
        for name in ("master.key", "subjects.sqlite"):
            assert (settings.data / name).stat().st_mode & 0o777 == 0o600
        journal.close()
        (settings.data / "master.key").chmod(0o640)

        with pytest.raises(Exception, match=r"may be read or changed by others; run `chmod 600` on it"):
            open_journal(settings)

    def test_without_its_master_key_nothing_is_opened_and_none_is_made(
        self, settings: Settings, journal: SqliteJournal
    ) -> None:
        journal.append([lead()], now_ms=NOW)
        journal.close()
        (settings.data / "master.key").unlink()

        with pytest.raises(Exception, match=r"the master key .* cannot be read"):
            open_journal(settings)
        assert not (settings.data / "master.key").exists()

    def test_another_master_key_is_told(self, settings: Settings, journal: SqliteJournal) -> None:
        journal.close()
        other = Settings(data=settings.data, master_key="A" * 43 + "=")  # type: ignore[arg-type]

        with pytest.raises(Exception, match="are wrapped by another master key"):
            open_vault(other)
        with pytest.raises(Exception, match="SALESTREAM_MASTER_KEY holds no master key; allowed: 32 random bytes"):
            open_vault(Settings(data=settings.data, master_key="secret"))  # type: ignore[arg-type]

    def test_what_one_process_destroys_another_uses_no_more(self, settings: Settings, journal: SqliteJournal) -> None:
        journal.append([lead()], now_ms=NOW)
        other = open_vault(settings)

        other.keys.destroy(Slot("default", "lead:L-1"), NOW)
        other.close()

        assert status(journal, lead("e-2")) == [("accepted", 2)]
        assert body(journal, 2)[SEALED] == ERASED

    def test_two_that_make_the_same_key_agree(self, settings: Settings, journal: SqliteJournal) -> None:
        slot = Slot("default", "lead:L-1")
        other = open_vault(settings)
        assert journal.vault is not None
        try:
            assert other.keys.made([slot]) == journal.vault.keys.made([slot])
        finally:
            other.close()


class TestRestored:
    def test_an_older_copy_of_the_keys_forgets_again(self, settings: Settings, journal: SqliteJournal) -> None:
        journal.append([lead()], now_ms=NOW)
        journal.close()
        before = (settings.data / "subjects.sqlite").read_bytes()
        with open_journal(settings) as opened:
            opened.append([proof("default", "lead:L-1", NOW)], now_ms=NOW)
        (settings.data / "subjects.sqlite").write_bytes(before)

        with open_journal(settings) as opened:
            assert "contact" not in body(opened, 1, opened=True)["data"]  # type: ignore[operator]

    def test_an_older_journal_has_the_erasure_proved_again(self, settings: Settings, journal: SqliteJournal) -> None:
        journal.append([lead()], now_ms=NOW)
        journal.close()
        before = (settings.data / "journal.sqlite").read_bytes()
        with open_journal(settings) as opened:
            opened.append([proof("default", "lead:L-1", NOW)], now_ms=NOW)
        (settings.data / "journal.sqlite").write_bytes(before)

        with open_journal(settings) as opened:
            (erasure,) = opened.of_type("default", ["subject.erased"])
            assert erasure.at_ms == NOW
            assert "contact" not in body(opened, 1, opened=True)["data"]  # type: ignore[operator]

    def test_where_both_are_older_the_register_knows(self, settings: Settings, journal: SqliteJournal) -> None:
        journal.append([lead()], now_ms=NOW)
        journal.close()
        before = {name: (settings.data / name).read_bytes() for name in ("journal.sqlite", "subjects.sqlite")}
        with open_journal(settings) as opened:
            opened.append([proof("default", "lead:L-1", NOW)], now_ms=NOW)
        for name, content in before.items():
            (settings.data / name).write_bytes(content)

        with open_journal(settings) as opened:
            assert "contact" not in body(opened, 1, opened=True)["data"]  # type: ignore[operator]
            (erasure,) = opened.of_type("default", ["subject.erased"])
            assert erasure.at_ms == NOW

    def test_a_folder_of_before_there_was_a_register_gets_one(self, settings: Settings, journal: SqliteJournal) -> None:
        journal.append([lead(), proof("default", "lead:L-1", NOW)], now_ms=NOW)
        journal.close()
        settings.erasures_path.unlink()

        open_journal(settings).close()

        assert Register(settings.erasures_path).read() == {Slot("default", "lead:L-1"): NOW}

    def test_a_tenant_without_a_journal_has_the_fence(self, settings: Settings) -> None:
        settings.data.mkdir()
        Register(settings.erasures_path).add([(Slot("other", "lead:L-1"), NOW)])
        with open_journal(settings) as opened:
            assert opened.tenants() == []
            opened.append([lead(tenant="other")], now_ms=NOW)
            assert opened.personal(*opened.read("other", 0, 9)) == "erased"
        with open_journal(settings) as opened:
            assert len(opened.of_type("other", ["subject.erased"])) == 1


def test_events_that_were_kept_in_clear_are_read_and_are_the_same_event(settings: Settings) -> None:
    settings.data.mkdir()
    with SqliteJournal(settings.journal_path) as clear:
        clear.append([lead()], now_ms=NOW)

    with open_journal(settings) as journal:
        assert "contact" in body(journal, opened=True)["data"]  # type: ignore[operator]
        assert status(journal, lead()) == [("duplicate", 1)]
        assert status(journal, lead(data=data(name="else"))) == [("conflict", 1)]


def test_an_entry_that_holds_the_word_is_not_mistaken(journal: SqliteJournal) -> None:
    odd = lead(data={"lead_id": "L-1", "attributes": {"sealed": "v1.x"}})
    journal.append([odd], now_ms=NOW)

    (entry,) = journal.read("default", 0, 1)
    assert journal.vault is not None
    assert (journal.vault.state(entry), journal.opened(entry)) == ("", entry)
    assert msgspec.json.decode(entry.body)["data"]["attributes"] == {"sealed": "v1.x"}


class TestMove:
    def test_what_was_kept_in_clear_is_sealed_on_its_way(self, settings: Settings, tmp_path: Path) -> None:
        settings.data.mkdir()
        with SqliteJournal(settings.journal_path) as clear:
            clear.append([lead(), lead("e-2", lead_id="L-2", data=data("L-2"))], [REFUSED], now_ms=NOW)
        target = tmp_path / "target.sqlite"

        assert moved(settings, target) == 0

        settings.journal_path.unlink()
        target.rename(settings.journal_path)
        assert hits(tmp_path, CANARY) == []
        with open_journal(settings) as journal:
            assert status(journal, lead()) == [("duplicate", 1)]
            assert "contact" in body(journal, opened=True)["data"]  # type: ignore[operator]
            letter = journal.letter("default", 1)
            assert letter is not None
            assert letter.body == REFUSED.body

    def test_what_is_sealed_stays_as_it_is(self, settings: Settings, journal: SqliteJournal, tmp_path: Path) -> None:
        journal.append([lead()], [REFUSED], now_ms=NOW)
        journal.close()
        target = tmp_path / "target.sqlite"

        assert moved(settings, target) == 0

        with SqliteJournal(settings.journal_path) as here, SqliteJournal(target) as there:
            assert here.read("default", 0, 9) == there.read("default", 0, 9)
            assert here.letters("default") == there.letters("default")
        assert hits(tmp_path, CANARY) == []


class TestLetters:
    def test_a_refused_event_is_sealed_with_the_key_of_whom_it_is_about(self, journal: SqliteJournal) -> None:
        journal.append([lead()], [REFUSED], now_ms=NOW)
        journal.append([proof("default", "lead:L-1", NOW)], now_ms=NOW)
        journal.append([], [REFUSED], now_ms=NOW)

        assert [each.body for each in journal.letters("default")] == [b"", b""]

    def test_a_conflict_shows_what_it_told(self, journal: SqliteJournal) -> None:
        journal.append([lead(), lead(data=data(name="else"))], now_ms=NOW)

        letter = journal.letter("default", 1)

        assert letter is not None
        assert json.loads(letter.body)["data"]["contact"]["name"] == "else"

    @pytest.mark.parametrize("start", [b"\x89salestream sealed\nlead:L-1\n", b'{"sealed":"v1.'])
    def test_nobody_smuggles_clear_text_past_the_seal(
        self, start: bytes, settings: Settings, journal: SqliteJournal
    ) -> None:
        told = start + CANARY.encode()
        journal.append([], [Refused(tenant="default", reason="why", body=told)], now_ms=NOW)
        journal.keep("default", "hubspot", NOW, told, {})

        assert hits(settings.data, CANARY) == []
        letter, (delivery,) = journal.letter("default", 1), journal.inbox("default", 0, 9)
        assert letter is not None
        assert (letter.body, delivery.raw) == (told, told)


def test_nothing_but_what_opens_journals_makes_one_that_is_written() -> None:
    """A journal without a vault keeps what is personal in clear, so nobody else may make one."""
    allowed = {"services/journal/open.py", "services/cli/growing.py", "services/replay/whatif.py"}
    root = Path(__file__).parents[3]
    made = {
        str(path.relative_to(root)): line
        for path in (root / "services").rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"\b(Sqlite|Kafka)Journal\(", line) and "class " not in line and "read_only=True" not in line
    }
    assert set(made) == allowed, made
