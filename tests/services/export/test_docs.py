"""The page for analysts is true: its programs run as they stand there, in order, and print what it shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.gateway.test_serve import shell

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]


def test_the_programs_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "analysts.md").read_text("utf-8")
    programs = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```\n", page, re.M | re.S)
    events = re.search(r"^cat > sales.jsonl <<'END'\n(.*?)^END$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    assert events is not None
    (tmp_path / "sales.jsonl").write_text(events[1], "utf-8")
    assert shell("--data", tmp_path / "salestream-data", "ingest", tmp_path / "sales.jsonl").code == 0

    program = "".join(commands for commands, _ in programs)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.stdout, ran.returncode) == ("".join(shown for _, shown in programs), 0), ran.stderr
