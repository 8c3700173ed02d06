"""Find links of a built site that lead nowhere: to a file that is not there, or to an id that its page lacks."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name in ("id", "name"):
                self.ids.add(value)
            elif name in ("href", "src"):
                self.targets.append(value)


def broken_links(folder: Path) -> list[str]:
    """One line for each link that leads nowhere. Links to other sites are not followed."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    wrong = []
    for path, page in pages.items():
        for target in page.targets:
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = unquote(target).partition("#")
            to = (path.parent / file.partition("?")[0]).resolve() if file else path
            if not to.exists():
                wrong.append(f"{path.relative_to(folder)}: no file for the link {target}")
            elif anchor and to in pages and anchor not in pages[to].ids:
                wrong.append(f"{path.relative_to(folder)}: no anchor for the link {target}")
    return wrong
