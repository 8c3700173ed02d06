"""The documentation is complete: each thing that users can see is in it, and its links work."""

from __future__ import annotations

import inspect
import itertools
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import simpleflow
from simpleflow import Workflow, activity, exceptions, settings
from simpleflow.canvas import Group
from simpleflow.local import Executor
from simpleflow.steering import marks, place
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.docs.pages import PAGES, ROOT, anchors, blocks, links, prose, read
from tests.test_public_names import MEMBERS, PUBLIC, SIGNATURES

EVERYTHING = "\n".join(read(page) for page in PAGES)
CODE = "\n".join(re.findall(r"`[^`\n]+`", "\n".join(prose(page) for page in PAGES)))
FOR_DEVELOPERS = ("test", "dev", "docs", "bench")
"""Extras that users do not install."""

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


@pytest.mark.parametrize("of", [Step, Executor])
def test_every_parameter(of: type) -> None:
    names = list(inspect.signature(of).parameters)
    assert "force" in names or "force_steps" in names
    assert [name for name in names if not mentioned(name)] == []


def test_every_error() -> None:
    names = [
        name for name, each in vars(exceptions).items() if inspect.isclass(each) and issubclass(each, BaseException)
    ]
    assert "ResultNotKept" in names
    assert [name for name in names if not mentioned(name)] == []


@activity.with_attributes()
def give(result: Any) -> Any:
    return result


class Dependent(Workflow, WorkflowStepMixin):
    name = "dependent"

    def run(self) -> None:
        self.submit(self.step("dependent", (give, 3), after="kept"))


class Marking(Workflow, WorkflowStepMixin):
    name = "marking"

    def run(self) -> None:
        self.submit(self.step("kept", (give, 1), force=True, force_steps_if_executed="other", keep_result=True))
        self.submit(self.step("other", (give, "x" * 30_000), keep_result=True, fingerprint=1, after="kept"))
        self.submit(self.step("around", Group(self.step("inside", (give, 2)), Dependent)))


def test_what_a_mark_holds(tmp_path: Path) -> None:
    executor = Executor(Marking, state=tmp_path)
    executor.run()
    found = place.find(Marking, default_bucket=executor.default_bucket)
    marks.mark(found, ["by hand"])
    stored = open_store(found.bucket).read(found.path, ["kept", "other", "around", "by hand"])
    held = {key for body, _ in stored.values() for key in json.loads(body)}
    held.add("owner")  # only marks that several runs share have it
    [table] = re.findall(r"It is a JSON object:\n\n(.*?)\n\n", read("docs/steps.md"), re.DOTALL)
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == held


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md"])
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
    assert {link for link in map(_page, links("README.md")) if link.startswith("docs/")} == set(PAGES) - {"README.md"}


def _page(link: str) -> str:
    return link.partition("#")[0]


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
    assert shown == held


def test_dependencies_have_their_reasons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: each for name, each in project["optional-dependencies"].items() if name not in FOR_DEVELOPERS}
    needed = [*project["dependencies"], *itertools.chain(*extras.values())]
    rows = re.findall(r"^\| ([\w, -]+)(?: \(extra `\w+`\))? \| .+ \|$", read("docs/architecture.md"), re.MULTILINE)
    reasons = {name.lower() for row in rows for name in row.split(", ")}
    assert {re.split(r"[<>=]", each)[0] for each in needed} <= reasons
