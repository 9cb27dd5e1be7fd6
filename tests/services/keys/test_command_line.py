"""``salestream keys``: made, listed, revoked, rotated."""

import re
from pathlib import Path

import pytest

from services.clock import now_ms
from services.keys.sqlite import SqliteKeys
from services.keys.tokens import KeyRefused, verify
from tests.services.cli.conftest import Run


def opens(folder: Path, token: str) -> bool:
    """Whether a token is good now."""
    with SqliteKeys(folder / "keys.sqlite") as keys:
        try:
            verify(keys, token, now_ms=now_ms())
        except KeyRefused:
            return False
        return True


def test_a_key_is_shown_once(run: Run, folder: Path) -> None:
    ran = run("keys", "create", "--name", "CRM", "--scope", "ingest", "--scope", "read", "--expires", "30d")

    token = ran.out.strip()
    assert opens(folder, token)
    assert "not shown again" in ran.err
    assert token not in ran.err
    listed = run("keys", "list")
    assert token.split("_")[1] in listed.out
    assert token.split("_", 2)[2] not in listed.out
    assert re.search(r"default +CRM +ingest read +\S+Z +\S+Z +active", listed.out)


def test_machines_get_the_key_as_json(run: Run) -> None:
    made = run("--tenant", "acme", "keys", "create", "--json").json
    token = made.pop("key")

    assert made["prefix"] == token.split("_")[1]
    assert (made["tenant"], made["scopes"], made["expires"], made["state"]) == ("acme", ["ingest"], None, "active")
    assert run("keys", "list", "--json").json == []
    assert (
        run("keys", "list", "--all", "--json").json == run("--tenant", "acme", "keys", "list", "--json").json == [made]
    )


def test_a_revoked_key_opens_nothing(run: Run, folder: Path) -> None:
    made = run("keys", "create", "--json").json

    assert f"The key {made['prefix']} opens nothing any more." in run("keys", "revoke", made["prefix"]).out
    assert not opens(folder, made["key"])
    assert run("keys", "list", "--json").json[0]["state"] == "revoked"


def test_a_rotated_key_has_two_secrets_for_a_while(run: Run, folder: Path) -> None:
    made = run("keys", "create", "--json").json
    rotated = run("keys", "rotate", f"ss_{made['prefix']}", "--keep", "1h", "--json").json

    assert rotated["secrets"] == 2
    assert opens(folder, made["key"])
    assert opens(folder, rotated["key"])
    again = run("keys", "rotate", made["prefix"], "--keep", "0m", "--json").json
    assert [opens(folder, each["key"]) for each in (made, rotated, again)] == [False, False, True]


def test_people_read_it_in_chinese(run: Run) -> None:
    assert "没有密钥" in run("--lang", "zh", "keys", "list").out
    assert "请妥善保存" in run("--lang", "zh", "keys", "create").err
    assert "有效" in run("--lang", "zh", "keys", "list").out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["create", "--scope", "all"], "'all' is not one of"),
        (["create", "--expires", "soon"], "allowed: minutes, hours or days"),
        (["revoke", "ss_0123456789ab_secret"], "that is a whole key"),
        (["make"], "allowed: create, list, revoke, rotate"),
    ],
)
def test_bad_usage_is_one_sentence(run: Run, args: list[str], says: str) -> None:
    ran = run("keys", *args)

    assert ran.code == 2
    assert says in ran.sentence
    assert "secret" not in ran.sentence


def test_what_cannot_be_done_is_one_sentence(run: Run) -> None:
    ran = run("keys", "revoke", "nobody")

    assert (ran.code, ran.sentence) == (1, "there is no key 'nobody'; `salestream keys list` shows those there are")
