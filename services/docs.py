"""The generated pages: ``python -m services.docs`` writes them, a test says when they are stale."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import events.page
import projections.page

ROOT: Final = Path(__file__).parents[1]
PAGES: Final[dict[str, Callable[[], str]]] = {
    "events/README.md": events.page.page,
    "projections/README.md": projections.page.page,
}
"""Each page, by its place in the checkout."""


def main(root: Path = ROOT) -> None:
    """Write every page that is stale."""
    for place, page in PAGES.items():
        path = root / place
        text = page()
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"{place} written")


if __name__ == "__main__":
    main()
