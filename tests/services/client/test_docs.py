"""The page of the client is true: its programs run as they stand there and print what it shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.client.conftest import Door

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]
ORDERS = """order,amount,at
O-1,120.00,2026-09-21T09:00:00+08:00
O-2,80.50,2026-09-21T10:00:00+08:00
O-2,90.50,2026-09-21T10:00:00+08:00
"""


def test_the_programs_of_the_page_print_what_it_shows(door: Door, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "client.md").read_text("utf-8")
    programs = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```\n", page, re.M | re.S)
    assert len(programs) == 2
    (tmp_path / "orders.csv").write_text(ORDERS, "utf-8")
    for program, shown in programs:
        program = program.replace("http://localhost:8080", door.url).replace("ss_…", door.key)
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.stdout, ran.returncode) == (shown, 0), ran.stderr
