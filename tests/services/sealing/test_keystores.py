"""Stores of subject keys: each does the same, and the master key of each can be changed while it is used."""

import base64
import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import settings as settings_
from hypothesis import strategies as st

from services.gateway.server import address_of, bound, served_beside
from services.journal.open import open_journal
from services.sealing.master import MasterKeys
from services.sealing.open import open_keys, open_vault
from services.sealing.port import SealingError, Slot
from services.sealing.remote import RemoteSubjectKeys, checked_url
from services.sealing.service import app
from services.sealing.sqlite import SqliteSubjectKeys
from services.settings import Settings
from tests.services.cli.conftest import process
from tests.services.sealing.conftest import NOW, lead
from tests.services.sealing.contract import ONE, OTHER, SLOTS, Opened, SubjectKeysContract, take_turns

TOKEN = "t" * 40


def file_keys(folder: Path) -> SqliteSubjectKeys:
    keys, _ = open_keys(Settings(data=folder))
    return keys


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a service over a file of keys."""
    with closing(file_keys(folder)) as keys, bound("127.0.0.1", 0) as at, served_beside(app(keys, TOKEN), at):
        yield address_of(at)


class TestInAFile(SubjectKeysContract):
    @pytest.fixture
    def another(self, tmp_path: Path) -> Opened:
        return lambda: file_keys(tmp_path)

    @pytest.fixture(scope="class")
    @classmethod
    def another_class(cls, tmp_path_factory: pytest.TempPathFactory) -> Opened:
        folder = tmp_path_factory.mktemp("keys")
        return lambda: file_keys(folder)

    @settings_(max_examples=20, deadline=None)
    @given(data=st.data())
    def test_two_that_take_turns_agree(self, data: st.DataObject, another_class: Opened) -> None:
        take_turns(data, another_class)


class TestAtAService(SubjectKeysContract):
    @pytest.fixture
    def another(self, tmp_path: Path) -> Iterator[Opened]:
        with served(tmp_path) as url:
            yield lambda: RemoteSubjectKeys(url, TOKEN)

    @pytest.fixture(scope="class")
    @classmethod
    def another_class(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
        with served(tmp_path_factory.mktemp("keys")) as url:
            yield lambda: RemoteSubjectKeys(url, TOKEN)

    @settings_(max_examples=20, deadline=None)
    @given(data=st.data())
    def test_two_that_take_turns_agree(self, data: st.DataObject, another_class: Opened) -> None:
        take_turns(data, another_class)

    def test_who_does_not_know_the_token_is_told_nothing(self, tmp_path: Path) -> None:
        with served(tmp_path) as url, pytest.raises(SealingError, match="this token opens nothing here"):
            RemoteSubjectKeys(url, "u" * 40)

    def test_while_it_is_away_nothing_is_appended_and_then_it_goes_on(self, tmp_path: Path) -> None:
        with bound("127.0.0.1", 0) as at:
            port = at.getsockname()[1]
        with closing(file_keys(tmp_path / "keys")) as keys:
            with bound("127.0.0.1", port) as at, served_beside(app(keys, TOKEN), at):
                settings = remote(tmp_path, address_of(at))
                journal = open_journal(settings)
            with journal:
                with pytest.raises(SealingError, match=r"cannot be reached .* so nothing personal can be sealed"):
                    journal.append([lead()], now_ms=NOW)
                assert journal.head("default").position == 0
                with bound("127.0.0.1", port) as at, served_beside(app(keys, TOKEN), at):
                    assert [each.status for each in journal.append([lead()], now_ms=NOW)] == ["accepted"]

    def test_what_is_no_key_store_is_told(self) -> None:
        with bound("127.0.0.1", 0) as at:
            at.listen()
            answering = Thread(target=answer_html, args=(at,))
            answering.start()
            with pytest.raises(SealingError, match="is no key store; check SALESTREAM_SUBJECT_KEYS"):
                RemoteSubjectKeys(address_of(at), TOKEN)
            answering.join()


def answer_html(at: socket.socket) -> None:
    connection, _ = at.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<htm>")


def remote(folder: Path, url: str) -> Settings:
    (folder / "gateway").mkdir(exist_ok=True)
    return Settings(data=folder / "gateway", subject_keys=url, keystore_token=TOKEN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://keys:8090", "would send keys of personal data in clear"),
        ("https://me:word@keys", "is no address of a key store"),
        ("https://keys/path", "says more than an address"),
        ("http://", "is no address of a key store"),
    ],
    ids=["clear", "user", "path", "empty"],
)
def test_addresses_that_are_refused(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        checked_url(url)
    assert "word" not in str(refused.value)


def test_addresses_that_are_taken() -> None:
    good = ["https://keys", "https://keys:1/", "http://127.0.0.1:1", "http://[::1]:1", "http://keys:1?insecure=1"]
    assert [checked_url(url)[:9] for url in good] == ["https://k", "https://k", "http://12", "http://[:", "http://ke"]


class TestServed:
    """``salestream keystore serve``, as a process."""

    @pytest.fixture
    def certificate(self, tmp_path: Path) -> tuple[Path, Path]:
        cert, key = tmp_path / "cert.pem", tmp_path / "cert.key"
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
        subprocess.run([*made, "-out", cert, "-keyout", key], check=True, capture_output=True)
        return cert, key

    @pytest.mark.e2e
    def test_it_seals_for_another_machine_over_tls(self, tmp_path: Path, certificate: tuple[Path, Path]) -> None:
        cert, cert_key = certificate
        token = tmp_path / "token"
        env = os.environ | {"SALESTREAM_KEYSTORE_TOKEN_FILE": str(token)}
        tls = ("--port", 0, "--cert", cert, "--cert-key", cert_key)
        running = process("--data", tmp_path / "keys", "keystore", "serve", *tls, env=env)
        try:
            assert running.stdout is not None
            url = running.stdout.readline().split()[-1]
            assert url.startswith("https://127.0.0.1:")
            assert token.stat().st_mode & 0o777 == 0o600
            settings = Settings(
                data=tmp_path / "data", subject_keys=url, keystore_token_file=token, keystore_cafile=str(cert)
            )
            settings.data.mkdir()
            with open_journal(settings) as journal:
                journal.append([lead()], now_ms=NOW)
                (entry,) = journal.read("default", 0, 9)
                assert journal.personal(entry) == "open"
            assert [path.name for path in settings.data.iterdir()] == ["journal.sqlite"]
            with pytest.raises(SealingError, match="cannot be reached"):
                open_vault(settings.model_copy(update={"keystore_cafile": ""}))
        finally:
            running.terminate()
            assert running.wait(30) == 0
            running.communicate()


class TestAnotherMasterKey:
    def test_every_key_is_wrapped_anew_while_others_use_them(self, tmp_path: Path) -> None:
        settings = Settings(data=tmp_path)
        with closing(file_keys(tmp_path)) as used, closing(file_keys(tmp_path)) as idle:
            made = used.made(SLOTS)
            used.destroy(OTHER, 1)
            old, before = settings.master_key_path.read_bytes(), wrapped(tmp_path)

            rotated(settings)

            assert settings.master_key_path.read_bytes() != old
            assert not settings.master_key_path.with_name("master.key.next").exists()
            assert not before & wrapped(tmp_path)
            assert idle.key(ONE) == made[ONE]
            late = used.made([Slot("a", "late")])
        with closing(file_keys(tmp_path)) as again:
            assert again.made(SLOTS) == made | {OTHER: None}
            assert again.made([Slot("a", "late")]) == late

    def test_the_one_before_opens_nothing_any_more(self, tmp_path: Path) -> None:
        settings = Settings(data=tmp_path)
        with closing(file_keys(tmp_path)) as keys:
            keys.made(SLOTS)
        old = settings.master_key_path.read_bytes()
        rotated(settings)

        settings.master_key_path.write_bytes(old)
        with pytest.raises(SealingError, match="are wrapped by another master key"):
            file_keys(tmp_path)

    def test_one_of_the_environment_is_told_first(self, tmp_path: Path) -> None:
        one, two = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
        told = Settings(data=tmp_path, master_key=one)  # type: ignore[arg-type]
        both = Settings(data=tmp_path, master_key=one, master_key_next=two)  # type: ignore[arg-type]
        keys, masters = open_keys(told)
        with closing(keys):
            made = keys.made(SLOTS)
            with pytest.raises(SealingError, match="as SALESTREAM_MASTER_KEY_NEXT, and do it again"):
                masters.next_one()
        rotated(both)
        for settings in (both, Settings(data=tmp_path, master_key=two)):  # type: ignore[arg-type]
            with closing(open_keys(settings)[0]) as keys:
                assert keys.made(SLOTS) == made
        with pytest.raises(SealingError, match="are wrapped by another master key"):
            open_keys(told)

    @pytest.mark.parametrize("done", ["nothing", "next", "wrapped"])
    def test_one_that_was_interrupted_goes_on(self, done: str, tmp_path: Path) -> None:
        settings = Settings(data=tmp_path)
        keys, masters = open_keys(settings)
        with closing(keys):
            made = keys.made(SLOTS)
            if done != "nothing":
                following = masters.next_one()
                if done == "wrapped":
                    keys.rewrap(following)
            with closing(file_keys(tmp_path)) as between:
                assert between.made(SLOTS) == made

        rotated(settings)

        if done != "nothing":
            assert MasterKeys(settings.master_key, settings.master_key_next, settings.master_key_path).read() == [
                following
            ]
        with closing(file_keys(tmp_path)) as again:
            assert again.made(SLOTS) == made

    def test_what_fails_midway_leaves_all_as_it_was(self, tmp_path: Path) -> None:
        settings = Settings(data=tmp_path)
        keys, masters = open_keys(settings)
        with closing(keys):
            keys.made(SLOTS)
            keys._db.execute("UPDATE subjects SET wrapped = zeroblob(92) WHERE subject = 'lead:2'")
            before = wrapped(tmp_path)
            with pytest.raises(SealingError, match="is damaged; restore that file from a backup"):
                keys.rewrap(masters.next_one())
            assert wrapped(tmp_path) == before

    def test_on_the_command_line(self, tmp_path: Path) -> None:
        with closing(file_keys(tmp_path)) as keys:
            made = keys.made(SLOTS)
            with process("--data", tmp_path, "keystore", "rotate") as running:
                out, err = running.communicate(timeout=60)
            assert (running.returncode, out, err) == (0, "4 keys are wrapped by the new master key.\n", "")
            assert {slot: keys.key(slot) for slot in SLOTS} == made
        with process("--data", tmp_path, "trail", "--type", "master.rotated") as running:
            assert "keys 4" in running.communicate(timeout=60)[0]


def rotated(settings: Settings) -> None:
    keys, masters = open_keys(settings)
    with closing(keys):
        keys.rewrap(masters.next_one())
        masters.promote()


def wrapped(folder: Path) -> set[bytes]:
    with closing(sqlite3.connect(folder / "subjects.sqlite")) as db:
        return {row[0] for row in db.execute("SELECT wrapped FROM subjects WHERE wrapped NOTNULL")}
