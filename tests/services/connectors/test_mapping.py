"""Mappings and hooks: what is wrong is said in one sentence, with the file, the key and what is allowed."""

from pathlib import Path
from textwrap import dedent

import pytest

from services.connectors.hooks import load_hooks
from services.connectors.library import load, mapping_for
from services.connectors.registry import CONNECTORS
from services.importer.mapping import MappingError

LONG = "a secret that is long enough"


@pytest.mark.parametrize("system", CONNECTORS)
def test_a_mapping_ships_for_every_system(system: str) -> None:
    assert mapping_for(system, "default", None).records


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("records: {deal: {tells: deals, fields: {}}}", "records.deal.tells is nothing that can be told; allowed:"),
        ("records: {deal: {tells: deal}}", "records.deal lacks the key 'fields'; allowed: tells, fields"),
        ("records: {deal: {tells: deal, fields: {amout: a}}}", "records.deal has the field 'amout', unknown of deal;"),
        ("records: {d: {tells: order.placed, fields: {order_id: a}}}", "records.d lacks the field amount, which"),
        ("records: {d: {tells: lead, fields: {}, won: {a: b}}}", "records.d has won, but tells lead; allowed: won of"),
        ("records: {d: {tells: deal, fields: {}, deleted: lose}}", "records.d.deleted is not known; allowed: 'void'"),
        ("records: {d: {tells: deal, fields: {}, values: {x: {a: b}}}}", "records.d has the field 'x', unknown"),
        ("currency: RMB", "currency is no currency; allowed: an ISO 4217 code"),
        ("timezone: Beijing", "timezone is no time zone; allowed:"),
        ("record: {}", "the mapping has the unknown key 'record'; allowed: about, currency"),
        ("records: [", "is not YAML"),
        ("[]", "the mapping is no mapping of keys; allowed:"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(MappingError) as told:
        load("mine.yaml", text.encode())
    assert str(told.value).startswith("mine.yaml:")
    assert sentence in str(told.value)


def test_the_nearest_mapping_counts(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "zoho.yaml").write_text("about: all", "utf-8")
    (tmp_path / "acme" / "zoho.yaml").write_text("about: acme", "utf-8")
    found = [mapping_for("zoho", tenant, tmp_path).about for tenant in ("acme", "other")]
    assert found == ["acme", "all"]
    assert mapping_for("hubspot", "acme", tmp_path).records
    with pytest.raises(MappingError, match="no folder"):
        mapping_for("zoho", "acme", tmp_path / "nowhere")


def hooks(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "hooks.yaml"
    path.write_text(dedent(text), "utf-8")
    path.chmod(mode)
    return path


def test_hooks_are_read_with_both_secrets_of_a_rotation(tmp_path: Path) -> None:
    text = f"""\
        hooks:
          - {{system: hubspot, tenant: acme, account: 12345678, secrets: [{LONG}, old {LONG}], url: https://a.b/h}}
          - {{system: zoho, account: main, secrets: [{LONG}]}}
        """
    found = load_hooks(hooks(tmp_path, text)).hooks
    assert [(each.source, each.tenant, len(each.secrets)) for each in found] == [
        ("/hooks/hubspot/12345678", "acme", 2),
        ("/hooks/zoho/main", "default", 1),
    ]
    assert LONG not in repr(found)
    assert load_hooks(None).hooks == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hooks: [{system: sap, account: a, secrets: [x]}]", "hooks[1].system is no system; allowed: hubspot"),
        ("hooks: [{system: zoho, account: a, secrets: [short]}]", "hooks[1].secrets has a secret that is no text or"),
        (f"hooks: [{{system: zoho, account: a, secrets: [{LONG}, {LONG}]}}]", "hooks[1].secrets holds not one secret"),
        (f"hooks: [{{system: zoho, account: a/b, secrets: [{LONG}]}}]", "hooks[1].account is no name; allowed: 1-64"),
        (f"hooks: [{{system: zoho, secrets: [{LONG}]}}]", "hooks[1] lacks the key 'account'"),
        (
            "hooks: [" + f"{{system: zoho, account: a, secrets: [{LONG}]}}, " * 2 + "]",
            "names account a of zoho twice",
        ),
        (
            "hooks: [" + ", ".join(f"{{system: zoho, account: {each}, secrets: [{LONG}]}}" for each in "ab") + "]",
            "one secret for the accounts a and b",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_hooks_is_one_sentence_without_a_secret(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(MappingError) as told:
        load_hooks(hooks(tmp_path, text))
    assert sentence in str(told.value)
    assert LONG not in str(told.value)


def test_hooks_that_others_can_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="chmod 600"):
        load_hooks(hooks(tmp_path, "hooks: []", 0o640))
    with pytest.raises(MappingError, match="cannot be read"):
        load_hooks(tmp_path / "nothing.yaml")


def test_what_the_page_shows_is_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text("utf-8")
    opened, mapping = (part.partition("```")[0] for part in page.split("```yaml\n")[1:])
    assert load_hooks(hooks(tmp_path, opened)).hooks[0].source == "/hooks/hubspot/12345678"
    assert load("page.yaml", mapping.encode()).records["5a45b90254ca00466b3c0cd1"].deleted == "void"
