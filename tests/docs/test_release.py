"""What a release needs agrees: the workflows of CI, the Makefile, RELEASING.md and the image for workers."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from simpleflow.cli.app import app
from simpleflow.cli.options import Session
from tests.docs.pages import ROOT, read

WORKFLOWS = sorted(path.name for path in (ROOT / ".github/workflows").iterdir())
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())["jobs"]
    return found


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in jobs(name).values() for step in job["steps"]]


def test_there_is_a_workflow_for_tests_docs_and_publishing() -> None:
    assert WORKFLOWS == ["docs.yml", "publish.yml", "tests.yml"]
    made = {step["run"].split()[1] for name in WORKFLOWS for step in steps(name) if "run" in step}
    assert made == {"check", "test", "docs", "dist"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_run_what_the_makefile_has(name: str) -> None:
    makefile = read("Makefile")
    workflow = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    assert workflow[True]  # YAML 1.1 reads the key "on" as true
    assert workflow["permissions"] == {"contents": "read"}  # jobs that need more say so
    for step in steps(name):
        assert ("run" in step) != ("uses" in step)
        if "run" in step:
            words = step["run"].split()
            assert words[0] == "make"
            assert f"\n{words[1]}:" in makefile
        else:
            assert re.fullmatch(r"[\w-]+(/[\w-]+)+@[\w./]+", step["uses"])


def test_the_oldest_python_is_tested() -> None:
    pythons = jobs("tests.yml")["test"]["strategy"]["matrix"]["python"]
    listed = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert pythons[0] == PROJECT["requires-python"].removeprefix(">=") == listed[0]
    assert pythons[-1] == listed[-1]


PYTHONS = runpy.run_path(str(ROOT / ".ci/pythons.py"))


@pytest.mark.parametrize(
    ("found", "own", "expected"),
    [
        (["3.11.2", "3.11.7", "3.12.1", "3.13.0"], "3.13.0", "3.11.2"),
        (["3.11.2", "3.11.7", "3.12.1", "3.13.0"], "3.11.7", "3.13.0"),
        (["3.11.2", "3.12.1", "3.13.0"], "3.12.1", "3.11.2"),
        (["3.11.2", "3.11.7"], "3.11.7", None),
        ([], "3.11.7", None),
    ],
)
def test_the_second_python_is_the_farthest_one(found: list[str], own: str, expected: str | None) -> None:
    pythons = [(tuple(map(int, each.split("."))), Path(each)) for each in found]
    assert PYTHONS["other"](pythons, tuple(map(int, own.split(".")))) == (expected and Path(expected))


def test_a_second_python_that_is_missing_is_said_loudly() -> None:
    said = PYTHONS["report"]((3, 11, 7), None)
    assert said.startswith("!!!!!!!!")
    assert "ONLY PYTHON 3.11.7 IS TRIED" in said
    assert PYTHONS["report"]((3, 11, 7), (3, 13, 0)) == "On Python 3.13.0, beside all tests on Python 3.11.7:\n"


def test_this_python_is_found() -> None:
    assert PYTHONS["version"](Path(sys.executable)) == sys.version_info[:3]
    assert PYTHONS["version"](Path("/bin/false")) is None
    assert PYTHONS["OLDEST_MINOR"] == int(PROJECT["requires-python"].removeprefix(">=3."))


def test_the_second_python_runs_tests_that_exist() -> None:
    [listed] = re.findall(r"^OF_OTHER := ((?:.*\\\n)*.*)$", read("Makefile"), re.MULTILINE)
    paths = re.findall(r"tests/[\w/]+(?:\.py)?", listed)
    assert len(paths) > 5
    for path in paths:
        assert (ROOT / path).exists(), path


def test_publishing_needs_no_secret() -> None:
    job = jobs("publish.yml")["publish"]
    assert job["permissions"] == {"id-token": "write"}
    assert job["environment"]["name"] == "pypi"
    assert "secrets." not in (ROOT / ".github/workflows/publish.yml").read_text()
    assert "password" not in str(job)
    assert "TAG=${{ github.event.release.tag_name }}" in str(jobs("publish.yml")["build"])


def test_the_tag_has_to_be_that_of_the_version() -> None:
    check = runpy.run_path(str(ROOT / ".ci/check_dist.py"))["check_tag"]
    wheel = Path("dist/simpleflow-1.0-py3-none-any.whl")
    assert check(wheel, "v1.0") == check(wheel, "") == []
    assert check(wheel, "1.0") == [f"{wheel}: the version is 1.0, the tag '1.0'; expected the tag v1.0"]
    assert len(check(wheel, "v1.0.1")) == 1


def test_releasing_names_what_exists() -> None:
    text = read("RELEASING.md")
    for target in re.findall(r"`make (\w+)", text):
        assert f"\n{target}:" in read("Makefile")
    for path in re.findall(r"`([\w./]+/[\w./]+|\w+\.(?:md|toml))`", text):
        assert (ROOT / path).exists(), path
    assert 'RELEASE = "' in read("src/simpleflow/constants.py")
    assert "REPOSITORY = " in read("docs/site/build.py")
    assert ("Private :: Do Not Upload" in text) == ("Private :: Do Not Upload" in PROJECT["classifiers"])


def test_the_image_copies_what_exists_and_starts_a_command() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    files = [file for line in copied for file in line.split()]
    ignored = (ROOT / "docker/Dockerfile.dockerignore").read_text()
    assert files
    assert [file for file in files if not (ROOT / file).exists() or f"!{file}\n" not in ignored] == []
    for extra in re.findall(r"\.\[(\w+)\]", DOCKERFILE):
        assert extra in PROJECT["optional-dependencies"]
    shown = re.findall(r"^# +docker run .* simpleflow (\w.*)$", DOCKERFILE, re.MULTILINE)
    [command] = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    for words in [*map(shlex.split, shown), yaml.safe_load(command)]:
        found = app.get_command(click.Context(app), words[0])
        assert found is not None
        found.make_context(words[0], words[1:], parent=click.Context(app, obj=Session()))
