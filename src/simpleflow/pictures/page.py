"""A page in one file. It loads nothing from elsewhere and runs no script; its policy lets the browser enforce both."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from simpleflow import values
from simpleflow.exceptions import InputError
from simpleflow.pictures import shapes
from simpleflow.pictures.markup import lines, text
from simpleflow.pictures.style import look
from simpleflow.shown_text import hide_passwords

_LONGEST = 4_000  # characters of a value


@cache
def stylesheet() -> str:
    """The style of a page in one file."""
    return shapes.whole_stylesheet() + Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def page(title: str, body: Iterable[str]) -> str:
    """Return an HTML document. ``title`` is text, ``body`` is HTML."""
    style = stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{text(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        '<main class="report">',
    ]
    return "\n".join([*head, *body, "</main>", "</body>", "</html>", ""])


# Parts of pages. Each takes text and returns HTML.


def run_text(value: str) -> str:
    """Text of a run in one line, without passwords."""
    return text(hide_passwords(value))


def command_text(value: str) -> str:
    """A command as HTML. A line breaks between its words, not after the hyphens of an option."""
    return re.sub(r"[^ ]+", lambda word: f'<span class="word">{text(word[0])}</span>', value)


def card(title: str, *parts: str, key: str = "", classes: str = "") -> str:
    """A part of the page with a title; empty if there are no parts."""
    inside = "\n".join(part for part in parts if part)
    if not inside:
        return ""
    name = f' id="{key}"' if key else ""
    return (
        f'<section class="card{f" {classes}" if classes else ""}"{name}>\n<h2>{text(title)}</h2>\n{inside}\n</section>'
    )


def pill(state: str, words: str = "") -> str:
    """A state: a symbol and a word."""
    seen = look(state)
    symbol = f'<span class="symbol" aria-hidden="true">{seen.symbol}</span>'
    return f'<span class="state is-{seen.name}">{symbol}{text(words or state.replace("_", " "))}</span>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, both as HTML, without those whose value is empty."""
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs if value)
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def preformatted(value: str, about: str = "") -> str:
    """Lines as they are, without passwords; ``about`` stands above them. Empty if there are none."""
    if not value.strip():
        return ""
    above = f'<p class="about">{text(about)}</p>' if about else ""
    return f'{above}<pre tabindex="0">{lines(hide_passwords(value.rstrip()))}</pre>'


def arguments(input: str | None) -> str:
    """The arguments in an input, as in a call, as HTML."""
    try:
        args, kwargs = values.arguments(values.decode(input))
    except (InputError, RecursionError):
        return value(input)
    parts = [_json(each) for each in args] + [f"{name}={_json(each)}" for name, each in kwargs.items()]
    return value(", ".join(parts))


def value(found: str | None) -> str:
    """A recorded value as HTML, cut if it is long."""
    if not found:
        return ""
    cut = f"… ({len(found):,} characters)" if len(found) > _LONGEST else ""
    return f'<span class="mono">{run_text(found[:_LONGEST] + cut)}</span>'


def moment(time: float | None, zone: datetime.tzinfo | None = None) -> str:
    """A time as text: ``2026-11-29 06:03:03 UTC``; empty for None. ``zone`` None: the local one."""
    if time is None:
        return ""
    try:
        found = datetime.datetime.fromtimestamp(time, datetime.UTC).astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{found:%Y-%m-%d %H:%M:%S} {found.tzname()}"


def _json(found: object) -> str:
    return values.encode(found, "the value to show")
