"""The wallboard of the demo: it lives with the company, shows its days, and can be watched, not told."""

import re
import subprocess
import time
from pathlib import Path

import httpx

from tests.services.wallboard.conftest import COMMAND


def test_the_demo_serves_its_wallboard_until_it_ends(tmp_path: Path) -> None:
    command = [str(COMMAND), "--data", str(tmp_path), "demo", "--seconds", "8", "--reps", "5", "--years", "1"]
    with subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        found = re.search(r"http://\S+", demo.stdout.readline())
        assert found is not None
        address = found[0]
        seen: list[str] = []
        while len(set(seen)) < 3 and demo.poll() is None:
            frame = httpx.get(f"{address}/api/frame?board=sales", timeout=30).json()
            if frame["cut"]["position"]:
                assert frame["now"] == frame["cut"]["recorded"], "its today is the company's"
                seen.append(frame["now"])
            time.sleep(0.2)
        assert len(set(seen)) == 3
        assert httpx.get(f"{address}/").text.startswith("<!doctype html>")
        assert httpx.post(f"{address}/events", json={}).status_code == 401
        told, errors = demo.communicate(timeout=60)
    assert demo.returncode == 0, errors
    assert "told" in told
    assert "Traceback" not in errors
