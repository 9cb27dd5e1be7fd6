"""docker-compose.yml and the Dockerfile say what runs here, and only what there is."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from services.cli.app import VERBS
from services.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PINNED = r"[^:@\s]+:\d+(\.\d+)+(-[\w.-]+)?"
"""An image with a version; no ``latest``, no branch of one number."""


def schema() -> jsonschema_rs.Validator:
    """The Compose specification."""
    return jsonschema_rs.validator_for(json.loads((ROOT / "tests/compose/compose-spec.json").read_text("utf-8")))


def test_it_keeps_to_the_specification() -> None:
    assert [str(error) for error in schema().iter_errors(COMPOSE)] == []


def test_what_does_not_would_be_seen() -> None:
    wrong = COMPOSE | {"services": SERVICES | {"worker": SERVICES["worker"] | {"comand": ["worker"]}}}
    assert not schema().is_valid(wrong)


def test_compose_itself_takes_it() -> None:
    """Whichever of the two is here; without either, the specification alone vouches for it."""
    known = [each for each in (["docker-compose"], ["docker", "compose"]) if _is_here(each)]
    if not known and not os.environ.get("CI"):
        pytest.skip("neither docker-compose nor docker compose is installed here")
    assert known, "CI installs one of them"
    for command in known:
        run = subprocess.run([*command, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, ""), command


def _is_here(command: list[str]) -> bool:
    found = shutil.which(command[0]) is not None
    return found and subprocess.run([*command, "version"], capture_output=True).returncode == 0


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_there_are(name: str) -> None:
    assert SERVICES[name]["command"][0] in {verb.name for verb in VERBS}


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_settings_that_there_are(name: str) -> None:
    told = {key: value for key, value in SERVICES[name]["environment"].items() if not value.startswith("${")}
    names = {key.removeprefix("SALESTREAM_").lower() for key in SERVICES[name]["environment"]}
    assert names <= set(Settings.model_fields)
    assert {key.removeprefix("SALESTREAM_").lower() for key in told} >= {"journal", "store"}


@pytest.mark.parametrize("name", SERVICES)
def test_images_have_a_version(name: str) -> None:
    assert re.fullmatch(PINNED, SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_the_ledger_which_asks_for_no_password_is_reached_by_our_services_only() -> None:
    assert COMPOSE["networks"]["ledger"] == {"internal": True}
    assert SERVICES["clickhouse"]["networks"] == ["ledger"]
    assert "ports" not in SERVICES["clickhouse"]
    assert {name for name in SERVICES if "ledger" in SERVICES[name]["networks"]} == {
        "clickhouse", "grafana", *OURS
    } - {"keystore"}  # fmt: skip


def test_the_master_key_is_reached_by_the_key_store_only() -> None:
    assert COMPOSE["networks"]["keys"] == {"internal": True}
    assert SERVICES["keystore"]["networks"] == ["keys"]
    assert "ports" not in SERVICES["keystore"]
    assert [name for name in SERVICES if "keys:/keys" in SERVICES[name].get("volumes", [])] == ["keystore"]


def test_grafana_only_reads_and_only_where_it_is_asked_for() -> None:
    grafana = SERVICES["grafana"]
    assert grafana["profiles"] == ["grafana"]
    reader = yaml.safe_load((ROOT / "grafana/reader.yaml").read_text("utf-8"))
    (source,) = yaml.safe_load((ROOT / "grafana/provisioning/datasources/clickhouse.yaml").read_text("utf-8"))[
        "datasources"
    ]
    assert list(reader["users"]) == [source["jsonData"]["username"]]
    assert reader["profiles"][reader["users"]["reader"]["profile"]]["readonly"] == 2
    database = SERVICES["clickhouse"]["environment"]["CLICKHOUSE_DB"]
    assert reader["users"]["reader"]["grants"] == [{"query": f"GRANT SELECT ON {database}.*"}]
    assert (source["jsonData"]["host"], source["jsonData"]["defaultDatabase"]) == ("clickhouse", database)


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            place = volume.partition(":")[0]
            assert not place.startswith("./") or (ROOT / place).exists(), place


@pytest.mark.parametrize("name", SERVICES)
def test_none_can_take_more_than_its_share(name: str) -> None:
    service = SERVICES[name]
    assert {"mem_limit", "cpus", "logging", "restart"} <= set(service)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_it_waits_for_what_it_needs(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert (
            how["condition"] == "service_healthy"
            if "healthcheck" in SERVICES[other]
            else "completed" in how["condition"]
        )


def test_no_password_is_written_down() -> None:
    for service in SERVICES.values():
        for key, value in service["environment"].items():
            is_place = key.endswith("_FILE")
            assert is_place or not re.search("PASSWORD|SECRET|TOKEN", key) or str(value).startswith("${")


def test_kafka_tells_everyone_an_address_that_they_can_reach() -> None:
    told = SERVICES["kafka"]["environment"]
    advertised = dict(each.split("://") for each in told["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listening = dict(each.split("://") for each in told["KAFKA_LISTENERS"].split(","))
    assert advertised["INSIDE"] == SERVICES["worker"]["environment"]["SALESTREAM_JOURNAL"].removeprefix("kafka://")
    assert [f"{advertised['OUTSIDE']}:9092"] == SERVICES["kafka"]["ports"]
    for name, address in advertised.items():
        assert listening[name] == f"0.0.0.0:{address.rpartition(':')[2]}"


def test_the_image_is_made_of_pinned_things_and_runs_without_rights() -> None:
    assert all(re.fullmatch(PINNED, image) for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert "--require-hashes" in DOCKERFILE
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users == ["salestream"]


def test_the_image_gets_what_it_copies() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
