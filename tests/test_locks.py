"""The lock files: complete, pinned, hashed, in step with each other, and naming no host or machine."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"[a-z0-9-]+==[^\s;]+(?: ; [^\\]+)?(?: \\\n +--hash=sha256:[0-9a-f]{64})+")


def entries_of(lock: str) -> list[str]:
    """One text per requirement, with its hashes and without comments."""
    return re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n?", "", lock, flags=re.MULTILINE).strip())


def name_of(requirement: str) -> str:
    """``rich`` of ``rich>=15,<16``."""
    return re.split(r"[=<>~ ;\[]", requirement, maxsplit=1)[0]


def flaws_of_lock(lock: str, wanted: list[str]) -> list[str]:
    """What keeps a lock file from installing the ``wanted`` requirements, the same ones everywhere."""
    entries = entries_of(lock)
    flaws = [f"{name_of(entry)}: not pinned with hashes" for entry in entries if not PINNED.fullmatch(entry)]
    flaws += [f"{url}: a host or path" for url in re.findall(r"\S*(?:://|file:|/\w+/)\S*", lock)]
    missing = {name_of(wish) for wish in wanted} - {name_of(entry) for entry in entries}
    return flaws + [f"{name}: missing" for name in sorted(missing)]


def test_locks_install_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    runtime = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    tools = [wish for wish in project["dependency-groups"]["dev"] if isinstance(wish, str)]
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    dev_lock = (ROOT / "requirements-dev.lock").read_text("utf-8")
    assert not flaws_of_lock(lock, runtime), "run make lock"
    assert not flaws_of_lock(dev_lock, runtime + tools), "run make lock"
    assert set(entries_of(lock)) <= set(entries_of(dev_lock)), "run make lock: the two locks differ"


@pytest.mark.parametrize(
    ("lock", "flaw"),
    [
        ("rich>=15 \\\n    --hash=sha256:" + "0" * 64, "rich: not pinned"),
        ("rich==15.0.0", "rich: not pinned"),
        ("--index-url https://example.org/simple\nrich==15.0.0", "a host or path"),
        ("--find-links /somewhere/wheels/\nrich==15.0.0", "a host or path"),
        ("click==8.3.3 \\\n    --hash=sha256:" + "0" * 64, "rich: missing"),
    ],
    ids=["range", "no hash", "host", "path", "missing"],
)
def test_a_flaw_of_a_lock_is_seen(lock: str, flaw: str) -> None:
    assert any(flaw in line for line in flaws_of_lock(lock, ["rich>=15,<16"]))
