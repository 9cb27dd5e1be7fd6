"""The READMEs are true: their commands run as they stand there, in order, and print what is shown."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh.md")
PUBLISHED = ROOT.parent / "shared" / "data" / "maven_crm"
"""The CRM export that the last example imports; not part of the project."""

pytestmark = pytest.mark.e2e


class Snippet(NamedTuple):
    """A block of commands, and what the page shows below it; None: nothing."""

    commands: str
    shown: str | None


def snippets(page: str) -> Iterator[Snippet]:
    """Every ``sh`` block with the ``text`` block that follows it at once."""
    found = re.finditer(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", page, re.M | re.S)
    yield from (Snippet(*match.groups()) for match in found)


def output(commands: str, folder: Path, shell_state: dict[str, str]) -> str:
    """What a block prints, run by bash; variables that it exports stay for the blocks after it."""
    kept = folder / ".environment"
    script = f"set -eo pipefail\n{commands}\nenv -0 > {kept}\n"
    ran = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=shell_state, text=True, timeout=300, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ran.returncode == 0, f"{commands}\nended with {ran.returncode}:\n{ran.stdout}"
    shell_state |= dict(line.split("=", 1) for line in kept.read_text("utf-8").split("\0") if "=" in line)
    return ran.stdout


def runnable(commands: str) -> str:
    """The same commands where there is no screen and little time; ``make`` is known to work by other tests."""
    commands = re.sub(r"^git clone .*\n(?:cd .*\n)?", "", commands, flags=re.M)
    return re.sub(r"^make demo.*$", "salestream demo --seconds 3 --headless", commands, flags=re.M)


def masked(text: str) -> str:
    """The text without what changes with every definition."""
    return re.sub(r"\b[0-9a-f]{16}\b", "<hash>", text)


def environment(folder: Path) -> dict[str, str]:
    """A fresh shell with the installed command on its path, in a checkout."""
    (folder / "examples").symlink_to(ROOT / "examples")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}


@pytest.mark.parametrize("name", READMES)
def test_what_the_readme_shows_is_what_happens(name: str, tmp_path: Path) -> None:
    state = environment(tmp_path)
    for commands, shown in snippets((ROOT / name).read_text("utf-8")):
        if "crm/" in commands:
            if not PUBLISHED.exists():
                assert not os.environ.get("CI"), f"CI has no {PUBLISHED}"
                pytest.skip(f"the rest of {name} imports the published data set of {PUBLISHED}, which is not here")
            if not (tmp_path / "crm").exists():
                (tmp_path / "crm").symlink_to(PUBLISHED)
        printed = output(runnable(commands), tmp_path, state)
        if shown is not None and "make demo" not in commands:
            assert masked(printed) == masked(shown), commands


def test_both_readmes_run_the_same_commands() -> None:
    english, chinese = (
        [snippet.commands for snippet in snippets((ROOT / name).read_text("utf-8"))] for name in READMES
    )

    assert [each.replace("export SALESTREAM_LANG=zh\n", "") for each in chinese] == english
    assert len(english) >= 6


@pytest.mark.parametrize("name", [*READMES, "ARCHITECTURE.md", "services/README.md"])
def test_links_to_files_lead_somewhere(name: str) -> None:
    page = ROOT / name
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))

    assert targets
    for target in targets:
        assert (page.parent / target).exists(), f"{name} links to {target}, which is not there"
