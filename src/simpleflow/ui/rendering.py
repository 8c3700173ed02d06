"""Pages from templates, and the parts of a page that change while one looks at it.

Theory of operation
-------------------
A template marks what may change as parts: ``{% call part("row", id) %}``. A part is a single row or a fact, never a
whole list. The page that a viewer sees and the live view are the same template: the live view renders it again when
there is something new, and sends the parts that differ from those that it has sent. So a page shows the same with and
without JavaScript, and what a viewer has opened or focused stays as it is.

Every text is escaped: for HTML by Jinja2, and what a terminal or a reader would be fooled by is written as an escape.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures import style
from simpleflow.pictures.page import command_text
from simpleflow.shown_text import duration, escaped_lines
from simpleflow.ui import drawing, texts
from simpleflow.ui.links import link

_HERE = Path(__file__).parent


class Page(NamedTuple):
    """The content of a page: a template and its values."""

    template: str
    title: str
    values: Mapping[str, Any]
    live: bool = True  # it may change while one looks at it
    refresh: int | None = None  # seconds after which a browser without JavaScript reads it again
    status: int = 200


class Part(NamedTuple):
    """A part of a page that may change."""

    id: str
    list: str  # the id of the element that it is a child of, if it is one of several; else empty
    after: str  # the id of the part before it in this list; empty for the first
    digest: str
    html: str


class _Parts:
    """Collects the parts of a page while it is rendered."""

    def __init__(self) -> None:
        self.found: dict[str, Part] = {}
        self._last: dict[str, str] = {}  # by list

    def part(self, id: str, tag: str = "div", list: str = "", cls: str = "", *, caller: Callable[[], Markup]) -> Markup:
        inner = caller()
        digest = f"{zlib.crc32(inner.encode(errors='surrogatepass')):08x}"
        name = f' class="{escape(cls)}"' if cls else ""
        html = Markup('<{0} id="{1}" data-part="{2}"{3}>{4}</{0}>').format(tag, id, digest, Markup(name), inner)
        after = self._last.get(list, "") if list else ""
        self.found[id] = Part(id, list, after, digest, str(html))
        if list:
            self._last[list] = id
        return html


def render(page: Page, common: Mapping[str, Any]) -> str:
    """The page as HTML."""
    return _render(page, common)[0]


def parts(page: Page, common: Mapping[str, Any]) -> dict[str, Part]:
    """The parts of the page that may change, by id."""
    return _render(page, common)[1]


def compile_templates() -> None:
    """Compile all templates, which takes a moment, before the first page needs one."""
    environment = _environment()
    for name in environment.list_templates():
        environment.get_template(name)


def _render(page: Page, common: Mapping[str, Any]) -> tuple[str, dict[str, Part]]:
    collector = _Parts()
    template = _environment().get_template(page.template)
    html = template.render(
        {
            **common,
            **page.values,
            "title": page.title,
            "live": page.live,
            "refresh": page.refresh,
            "template_name": page.template,
        },
        part=collector.part,
    )
    return html, collector.found


def _shown(value: Any) -> Any:
    """A value as a page shows it."""
    if value is None:
        return ""
    return escaped_lines(value) if type(value) is str else value


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "link": link,
        "look": style.look,
        "word": texts.word,
        "step_word": texts.step_word,
        "states_bar": drawing.states_bar,
        "squares": drawing.squares,
        "spark": drawing.spark,
        "share_bar": drawing.share_bar,
        "counts_text": texts.counts_text,
        "count": texts.count,
    }
    made.filters |= {
        "command": lambda line: Markup(command_text(escaped_lines(line))),
        "duration": duration,
        "seconds": texts.seconds_text,
        "when": texts.when,
        "iso": texts.iso,
        "pretty": texts.pretty,
    }
    made.globals["m"] = made.get_template("macros.html").module
    return made
