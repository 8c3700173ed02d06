"""Markdown of the repository as Markdown of the site: links lead to pages of the site. Pure functions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

_CODE = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)`*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"(?P<before>\]\()(?P<target>[^)\s]+)(?P<after>\))|(?P<tag>(?:src|href)=\")(?P<url>[^\"]+)")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$])")


def with_links(text: str, rewritten: Callable[[str], str]) -> str:
    """``text`` with each target of a link or picture outside of code replaced by what ``rewritten`` returns for it."""

    def of_link(match: re.Match[str]) -> str:
        if match["tag"]:
            return match["tag"] + rewritten(match["url"])
        return match["before"] + rewritten(match["target"]) + match["after"]

    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_TARGET.sub(of_link, text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, _TARGET.sub(of_link, text[at:])])


def on_the_site(target: str, source: str, page: str, pages: dict[str, str]) -> str | None:
    """The target of a link in the file ``source`` as seen from the page ``page`` of the site.

    Args:
        target: as it is written: a path beside ``source``, perhaps with an anchor.
        source: path of the file in the repository.
        page: name of the page that is made of it.
        pages: name on the site of each file of the repository that is a page, by path.

    Returns None for a file that is no page. A target that is a URL or an anchor alone stays as it is.
    """
    if re.match(r"[a-z]+:|#", target):
        return target
    path, _, anchor = target.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(source), path))
    if file not in pages:
        return None
    found = os.path.relpath(pages[file], os.path.dirname(page) or ".")
    suffix = "" if os.path.splitext(found)[1] else ".md"  # names of pages have none
    return f"{found}{suffix}#{anchor}" if anchor else f"{found}{suffix}"


def escaped(text: str) -> str:
    """Text of the code as Markdown that shows it unchanged. ``code`` in two backticks stays code."""
    parts = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    return "".join(
        f"`{part[2:-2]}`" if number % 2 else _SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts)
    )


def cell(text: str) -> str:
    """Text of the code as one cell of a table."""
    return " ".join(escaped(text).split())


def code(text: str) -> str:
    """Text as code in a cell of a table."""
    return f"`{text}`".replace("|", r"\|")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def first_sentence(text: str) -> str:
    """The first sentence of the first paragraph below the title, in one line, without links."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text)]
    [first, *_] = [part for part in paragraphs if part and not re.match(r"[#<!|`\-]", part)] or [""]
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(first.split()))
    return re.split(r"(?<=\.)\s", plain)[0].rstrip(":")
