"""Keys: shown once, kept as a hash, good for what they say and as long as they say."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.keys.port import SCOPES, Key, KeysError
from services.keys.sqlite import SqliteKeys
from services.keys.tokens import KeyRefused, create, rotate, verify

NOW = 1_790_000_000_000
DAY = 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.sqlite"


@pytest.fixture
def keys(path: Path) -> Iterator[SqliteKeys]:
    with SqliteKeys(path) as keys:
        yield keys


def made(keys: SqliteKeys, **more: Any) -> tuple[Key, str]:
    """A key for somebody."""
    told: dict[str, Any] = {"tenant": "acme", "name": "CRM", "scopes": ["ingest"], "now_ms": NOW} | more
    return create(keys, **told)


def refusal(keys: SqliteKeys, token: str, now_ms: int = NOW) -> str:
    """Why a token opens nothing."""
    with pytest.raises(KeyRefused) as caught:
        verify(keys, token, now_ms=now_ms)
    return str(caught.value)


def test_a_key_is_what_it_was_made_to_be(keys: SqliteKeys) -> None:
    key, token = made(keys, scopes=["read", "ingest"], expires_ms=NOW + DAY)

    assert re.fullmatch(r"ss_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", token)
    assert verify(keys, token, now_ms=NOW) == key
    assert (key.tenant, key.name, key.scopes, key.expires_ms) == ("acme", "CRM", ("ingest", "read"), NOW + DAY)
    assert token.startswith(f"ss_{key.prefix}_")


def test_a_secret_is_in_no_file(keys: SqliteKeys, path: Path) -> None:
    secret = made(keys)[1].split("_", 2)[2].encode()

    assert len(list(path.parent.iterdir())) >= 2, "there is a log beside the file"
    assert not [file for file in path.parent.iterdir() if secret in file.read_bytes()]


def test_nobody_else_may_read_the_files(keys: SqliteKeys, path: Path) -> None:
    made(keys)

    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    path.chmod(0o640)
    with pytest.raises(KeysError, match="chmod 600"):
        SqliteKeys(path)


@pytest.mark.parametrize("token", ["", "ss_", "ss_0123456789ab_short", "bearer", "ss_XYZ_" + "a" * 43, "é" * 60])
def test_what_has_not_the_form_of_a_key_is_refused(keys: SqliteKeys, token: str) -> None:
    assert refusal(keys, token) == "it has not the form of a key"


def test_another_secret_or_prefix_is_refused_and_told_apart_in_the_log_only(keys: SqliteKeys) -> None:
    key, token = made(keys)
    other = made(keys)[1]

    assert refusal(keys, token[:-1] + ("A" if token[-1] != "A" else "B")) == "its secret is wrong, or was replaced"
    assert refusal(keys, f"ss_{key.prefix}_{other.split('_', 2)[2]}") == "its secret is wrong, or was replaced"
    assert refusal(keys, f"ss_{'0' * 12}_{token.split('_', 2)[2]}") == "no such key"


def test_a_key_ends_when_it_says(keys: SqliteKeys) -> None:
    key, token = made(keys, expires_ms=NOW + DAY)

    assert verify(keys, token, now_ms=NOW + DAY - 1) == key
    assert refusal(keys, token, NOW + DAY) == "it is expired"


def test_a_revoked_key_stays_revoked_since_it_was(keys: SqliteKeys) -> None:
    key, token = made(keys)
    keys.revoke(key.prefix, NOW + 5)

    assert refusal(keys, token) == "it is revoked"
    assert keys.revoke(key.prefix, NOW + 9).revoked_ms == NOW + 5
    with pytest.raises(KeysError, match="is revoked, so a new secret would open nothing"):
        rotate(keys, key.prefix, now_ms=NOW, old_until_ms=NOW + DAY)


def test_while_a_key_is_rotated_two_secrets_are_good(keys: SqliteKeys) -> None:
    key, old = made(keys)
    _, new = rotate(keys, key.prefix, now_ms=NOW, old_until_ms=NOW + DAY)

    assert verify(keys, old, now_ms=NOW + DAY - 1).prefix == verify(keys, new, now_ms=NOW).prefix == key.prefix
    assert "replaced" in refusal(keys, old, NOW + DAY)
    assert verify(keys, new, now_ms=NOW + 999 * DAY).prefix == key.prefix


def test_of_a_key_that_is_rotated_again_the_oldest_secret_goes_at_once(keys: SqliteKeys) -> None:
    key, first = made(keys)
    _, second = rotate(keys, key.prefix, now_ms=NOW, old_until_ms=NOW + DAY)
    renewed, third = rotate(keys, key.prefix, now_ms=NOW, old_until_ms=NOW + 2 * DAY)

    assert "replaced" in refusal(keys, first)
    assert verify(keys, second, now_ms=NOW + 2 * DAY - 1) == renewed
    assert verify(keys, third, now_ms=NOW) == renewed
    assert len(renewed.secrets) == 2


def test_rotating_never_makes_an_old_secret_live_longer(keys: SqliteKeys) -> None:
    key, _ = made(keys)
    rotate(keys, key.prefix, now_ms=NOW, old_until_ms=NOW + DAY)
    renewed, _ = rotate(keys, key.prefix, now_ms=NOW, old_until_ms=NOW)

    assert [each.until_ms for each in renewed.secrets] == [None, NOW]


def test_what_another_process_changes_is_seen_at_once(keys: SqliteKeys, path: Path) -> None:
    with SqliteKeys(path) as other:
        key, token = made(other)
        assert verify(keys, token, now_ms=NOW) == key
        other.revoke(key.prefix, NOW)
        assert refusal(keys, token) == "it is revoked"
        assert keys.listed() == other.listed()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"scopes": []}, "allowed: ingest, read, admin, erase"),
        ({"name": "x" * 101}, "at most 100"),
        ({"name": "a\nb"}, "printable"),
        ({"expires_ms": NOW}, "expired already"),
    ],
)
def test_a_key_of_no_use_is_not_made(keys: SqliteKeys, more: dict[str, Any], says: str) -> None:
    with pytest.raises(KeysError, match=says):
        made(keys, **more)
    assert keys.listed() == []


def test_a_key_that_there_is_not_cannot_be_changed(keys: SqliteKeys) -> None:
    with pytest.raises(KeysError, match="there is no key 'nobody'"):
        keys.revoke("nobody", NOW)
    with pytest.raises(KeysError, match="there is no key 'nobody'"):
        rotate(keys, "nobody", now_ms=NOW, old_until_ms=NOW)


def test_a_file_that_holds_no_keys_is_a_sentence(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is no database, and it is longer than the header of one would be, so that it is looked at")
    path.chmod(0o600)

    with pytest.raises(KeysError, match="cannot be used"):
        SqliteKeys(path)


def test_the_scopes_are_those_of_the_command_line() -> None:
    from services.cli import keys

    assert keys._SCOPES == SCOPES
