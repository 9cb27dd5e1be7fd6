"""The command line on a fresh data folder."""

from tests.services.cli.conftest import folder, run

__all__ = ["folder", "run"]
