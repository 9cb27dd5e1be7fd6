"""The examples of docs/gateway.md, run as they stand there."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services.cli.conftest import EXECUTABLE
from tests.services.gateway.test_serve import served

PAGE = Path(__file__).parents[3] / "docs" / "gateway.md"
BLOCKS = re.findall(r"```(sh|json)\n(.*?)```", PAGE.read_text("utf-8"), re.S)


@pytest.mark.e2e
def test_the_examples_do_what_the_page_says(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        assert not os.environ.get("CI"), "the examples need curl"
        pytest.skip("the examples need curl")
    (_, key), *examples = BLOCKS
    assert len(examples) == 6, "three commands and their answers"
    folder = tmp_path / "data"
    env = os.environ | {"SALESTREAM_DATA": str(folder), "PATH": f"{EXECUTABLE.parent}:{os.environ['PATH']}"}
    with served(folder) as house:
        for (kind, command), (_, answer) in zip(examples[::2], examples[1::2], strict=True):
            assert kind == "sh"
            script = f"{key if 'KEY' not in env else ''}\n{command}\necho; echo $KEY"
            script = script.replace("http://localhost:8080", house.told["address"])
            ran = subprocess.run(
                ["bash", "-ec", script], env=env, capture_output=True, text=True, timeout=60, check=True
            )
            told, token = ran.stdout.rsplit("\n", 2)[:2]
            assert json.loads(told) == json.loads(answer)
            env["KEY"] = token
        assert house.end().code == 0
