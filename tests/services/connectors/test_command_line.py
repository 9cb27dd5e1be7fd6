"""``salestream inbox``: what came, what became of it, and correcting it, on a data folder of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.app import main
from services.connectors.hooks import Hooks
from services.connectors.receive import Receiver
from services.settings import Settings
from services.workspace import Workspace
from tests.oracle.real_path import NOW_MS
from tests.services.connectors.desk import SECRET, amount, hubspot, signed, stage

WRONG = """\
records:
  deal: {tells: deal, won: {dealstage: contractsent}, fields: {stage: dealstage, amount: amount}}
"""


def told(folder: Path, mappings: Path | None, *payloads: Any) -> None:
    """Deliveries into a data folder, as ``serve`` takes them."""
    with Workspace(Settings(data=folder, mappings=mappings)) as workspace:
        hook = {"system": "hubspot", "account": "12345678", "secrets": [SECRET]}
        receiver = Receiver(
            workspace.journal,
            workspace.store,
            workspace.ingest(),
            workspace.settings,
            now=lambda: NOW_MS,
            hooks=Hooks.model_validate({"hooks": [hook]}),
        )
        for payload in payloads:
            receiver.receive("hubspot", signed("hubspot", json.dumps(payload).encode()))


def test_what_was_told_wrongly_is_corrected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, mappings = tmp_path / "data", tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "hubspot.yaml").write_text(WRONG, "utf-8")
    told(folder, mappings, hubspot(amount(7, 0, "90"), stage(7, 1, "contractsent")), hubspot(("merge", 7, 9, "", "")))

    def run(*args: str) -> Any:
        capsys.readouterr()
        assert main(["--data", str(folder), "--json", *args]) == 0
        return json.loads(capsys.readouterr().out)

    monkeypatch.setenv("SALESTREAM_MAPPINGS", str(mappings))
    first, second = run("inbox", "list")
    assert (first["number"], first["events"], first["stand"], first["unknown"]) == (1, 2, 2, [])
    assert second["unknown"] == ["deal.merge tells no event"]
    assert "raw" not in run("inbox", "show", "1")
    assert "contractsent" in run("inbox", "show", "1", "--raw")["raw"]
    assert run("kpi", "bookings")["rows"][0]["value"] == "90.00"

    monkeypatch.delenv("SALESTREAM_MAPPINGS")
    dry = run("inbox", "retranslate", "--dry-run")
    assert (dry["same"], dry["voided"], dry["told"]) == (1, 1, 1)
    assert run("kpi", "bookings")["rows"][0]["value"] == "90.00"
    done = run("inbox", "retranslate")
    assert (done["same"], done["voided"], done["told"], done["refused"]) == (1, 1, 1, [])
    assert run("kpi", "bookings")["rows"][0]["value"] == "0.00"
    again = run("inbox", "retranslate", "--system", "hubspot", "--since", "2026-01-01")
    assert (again["same"], again["voided"], again["told"]) == (2, 0, 0)
    run("verify")
    assert run("inbox", "prune") == {"deleted": 2}

    for args, sentence in {
        ("inbox", "retranslate", "--system", "sap"): "'sap' is no system with webhooks; allowed: hubspot",
        ("inbox", "list", "--since", "x"): "--since 'x' is no date; allowed:",
        ("inbox", "show", "1"): "there is no delivery 1",
        ("inbox",): "say what to do with it; allowed: list, show, retranslate, prune",
    }.items():
        capsys.readouterr()
        assert main(["--data", str(folder), *args]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["--data", str(folder), "--lang", "zh", "inbox", "list"]) == 0
    assert capsys.readouterr().out == "收件箱为空。\n"
