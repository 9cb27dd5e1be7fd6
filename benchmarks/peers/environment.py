"""A virtual environment of its own for a peer whose libraries do not go together with ours."""

import subprocess
import venv
from pathlib import Path


def made(folder: Path, lock: Path) -> Path | None:
    """The Python of a new environment with what the lock file names; None where it could not be installed."""
    python = folder / "bin" / "python"
    venv.create(folder, with_pip=True)
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r"]
    done = subprocess.run([*install, str(lock)], check=False, capture_output=True)
    return None if done.returncode else python
