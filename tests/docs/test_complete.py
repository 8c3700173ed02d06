"""Nothing that users can see is missing from the documentation, and nothing in it leads nowhere."""

from __future__ import annotations

import re
import tomllib

import pytest

import simpleflow
from simpleflow import settings
from tests.docs.pages import PAGES, ROOT, anchors, blocks, links, prose, read
from tests.test_public_names import MEMBERS, PUBLIC, SIGNATURES

EVERYTHING = "\n".join(read(page) for page in PAGES)
CODE = "\n".join(re.findall(r"`[^`\n]+`", "\n".join(prose(page) for page in PAGES)))
LISTED_IN = "docs/operations.md"


def mentioned(name: str) -> bool:
    return re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", CODE) is not None


@pytest.mark.parametrize("name", [*settings.NAMES, settings.MODULE_VARIABLE])
def test_setting(name: str) -> None:
    assert f"`{name}`" in read(LISTED_IN)


def test_no_other_setting_is_listed() -> None:
    rows = re.findall(r"^\| `([A-Z][A-Z_0-9]+)` \|", read(LISTED_IN), re.MULTILINE)
    assert sorted(rows) == sorted(settings.NAMES)


@pytest.mark.parametrize(
    "name", sorted({name for names in PUBLIC.values() for name in names if not name.startswith("__")})
)
def test_public_name(name: str) -> None:
    assert mentioned(name)


@pytest.mark.parametrize("path", MEMBERS)
def test_members(path: str) -> None:
    members = [name for name in MEMBERS[path].split() if name not in ("__iadd__", "executor", "propagate_attribute")]
    assert [name for name in members if not mentioned(name)] == []


@pytest.mark.parametrize("path", ["simpleflow.activity.with_attributes", "simpleflow.step.submittable.Step"])
def test_parameters(path: str) -> None:
    names = [each.partition("=")[0] for each in SIGNATURES[path].split(", ")]
    assert [name for name in names if not mentioned(name)] == []


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    folder = (ROOT / page).parent
    for link in links(page):
        if re.match(r"https?://", link):
            continue
        target, _, anchor = link.partition("#")
        path = (folder / target).resolve() if target else ROOT / page
        assert path.exists(), f"{page}: {link}"
        assert path.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(str(path.relative_to(ROOT))), f"{page}: {link}"


def test_every_page_is_linked_from_the_readme() -> None:
    assert {link for link in links("README.md") if link.startswith("docs/")} == set(PAGES) - {"README.md"}


def test_every_example_that_is_named_exists() -> None:
    named = set(re.findall(r"\bexamples/\w+\.py\b", EVERYTHING))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\] - (\d{4}-\d{2}-\d{2})$", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[0][0] == simpleflow.__version__
    assert [date for _, date in versions] == sorted((date for _, date in versions), reverse=True)


def test_layers_are_those_that_are_held() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    held = project["tool"]["importlinter"]["contracts"][0]["layers"]
    shown = next(block.text for block in blocks("docs/architecture.md") if block.kind == "text").split("\n")[:-1]
    planned = re.compile(r"\(\w+\) \| ")  # in parentheses: does not exist yet
    assert shown == [planned.sub("", layer) for layer in held]


def test_dependencies_have_their_reasons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["aws"]]
    rows = re.findall(r"^\| (\w+)(?: \(extra `aws`\))? \| .+ \|$", read("docs/architecture.md"), re.MULTILINE)
    assert {re.split(r"[<>=]", each)[0] for each in needed} <= set(rows)
