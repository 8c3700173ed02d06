"""The site holds every page and everything that the code has, and its links lead somewhere.

``make docs`` builds the site with Sphinx and checks what it has built. These tests need no Sphinx.
"""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import click
import pytest
from docs.site import build, check, markdown, reference
from docs.site.docstrings import with_literal_blocks
from docs.site.pages import SECTIONS, sources, tree

from simpleflow import exceptions, settings
from simpleflow.cli.app import app
from tests.docs.pages import PAGES, ROOT, anchors_of, links_in

FOUND = build.gathered()
NAMES = [path.rpartition(".")[0] for path in FOUND if path != "index.md"]


def test_every_page_is_in_one_section() -> None:
    listed = [name for names in tree(NAMES).values() for name in names]
    single = {name for name in NAMES if name.startswith("api/") and name != "api/index"}
    assert sorted(listed) == sorted({*NAMES} - single)
    assert {"docs/" + Path(name).name + ".md" for name in listed} >= {*PAGES} - {"README.md"}
    assert set(sources().values()) >= set(PAGES)


def test_every_file_beside_the_pages_exists() -> None:
    assert [file for file in sources().values() if not (ROOT / file).exists()] == []


def test_a_page_that_no_pattern_names_is_a_how_to() -> None:
    assert tree([*NAMES, "something"])["How to"][-1] == "something"
    assert "swf-something" in tree([*NAMES, "swf-something"])["How to"]
    assert len({section.title for section in SECTIONS}) == len(SECTIONS)


def test_the_first_page_leads_to_every_section() -> None:
    entries = re.findall(r"^(?:Overview <)?([\w./-]+)>?$", FOUND["index.md"].partition("## Start")[2], re.MULTILINE)
    assert {name for names in tree(NAMES).values() for name in names} == set(entries)


@pytest.mark.parametrize("path", [path for path in FOUND if path.endswith(".md")])
def test_links_between_pages_lead_somewhere(path: str) -> None:
    for link in links_in(FOUND[path]):
        if re.match(r"https?://", link):
            continue
        target, _, anchor = link.partition("#")
        to = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        assert to in FOUND or to in build.files().values(), link
        if anchor:
            assert anchor in anchors_of(FOUND[to]), link


def test_links_in_code_stay() -> None:
    text = "a [b](c.md) `[b](c.md)`\n```text\n[b](c.md)\n```\n[d\ne](c.md#f)"
    assert markdown.with_links(text, str.upper) == "a [b](C.MD) `[b](c.md)`\n```text\n[b](c.md)\n```\n[d\ne](C.MD#F)"


def test_text_of_the_code_is_shown_as_it_is() -> None:
    assert markdown.cell("a|b *c* ``d|e``\n  <f>") == r"a\|b \*c\* `d|e` \<f\>"
    assert markdown.first_sentence("# T\n\n- list\n\nA [b](c.md)\nd. E.") == "A b d."


@pytest.mark.parametrize(("path", "command"), list(reference.every_command(app, "simpleflow")))
def test_every_command_and_option(path: str, command: click.Command) -> None:
    page = FOUND["reference/commands.md"]
    section = re.search(rf"^## {re.escape(path)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    for parameter in command.get_params(click.Context(command, **command.context_settings)):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert all(f"`{name}`" in section[1] for name in parameter.opts)


@pytest.mark.parametrize("name", settings.NAMES)
def test_every_setting(name: str) -> None:
    kind, meaning = reference._declarations()[name]
    assert f"| `{name}` |" in FOUND["reference/settings.md"]
    assert kind
    assert meaning


def test_every_event() -> None:
    headings = re.findall(r"^### (\w+)$", FOUND["reference/events.md"], re.MULTILINE)
    assert sorted(headings) == sorted(each.__name__ for each in reference.event_types())
    assert len(headings) == 54


def test_every_error() -> None:
    classes = [each for each in vars(exceptions).values() if inspect.isclass(each) and issubclass(each, BaseException)]
    names = re.findall(
        r"^\.\. autoexception:: simpleflow\.exceptions\.(\w+)$", FOUND["reference/errors.rst"], re.MULTILINE
    )
    assert sorted(names) == sorted(each.__name__ for each in classes)


def test_every_public_name() -> None:
    for module, names in reference.public_names().items():
        if module != "simpleflow.exceptions":
            page = FOUND[f"api/{module}.rst"]
            assert [name for name in names if f"{module}.{name}" not in page] == []


def test_an_indented_block_of_a_docstring_is_shown_as_it_is() -> None:
    lines = ["A.", "", "    code", "", "Args:", "    a: b", "", "- c", "", "  d"]
    assert with_literal_blocks(lines) == ["A.", "", "::", "", "    code", *lines[3:]]


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y"></a><a href="#x"></a><a href="https://a/b"></a>')
    (tmp_path / "b.html").write_text('<a href="a.html#x"></a><a href="c.html"></a><img src="d.svg">')
    assert check.broken_links(tmp_path) == [
        "a.html: no anchor for the link b.html#y",
        "b.html: no file for the link c.html",
        "b.html: no file for the link d.svg",
    ]
