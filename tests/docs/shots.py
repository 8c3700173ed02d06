"""Pictures of pages for the documentation."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page


def shoot(page: Page, file: Path, quality: int) -> None:
    """Save what the page shows as WebP, close the page, and say how large the file is."""
    session = page.context.new_cdp_session(page)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": quality})
    file.write_bytes(base64.b64decode(shot["data"]))
    page.close()
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} kB")
