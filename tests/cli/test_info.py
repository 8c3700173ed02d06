"""``simpleflow info`` and ``--version``, and the modules that commands import."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from simpleflow import __version__, settings
from simpleflow.cli import installation, main
from tests.cli.conftest import Folder

ROOT = Path(__file__).parents[2]


def rows(text: str) -> dict[str, str]:
    return {line.split("\t")[0]: line.split("\t")[1] for line in text.splitlines()}


def test_versions(folder: Folder) -> None:
    done = folder.run("info", "versions")
    assert done.code == 0
    found = rows(done.out)
    assert found["simpleflow"] == __version__
    assert {"python", "click", "msgspec", "greenlet", "boto3"} <= set(found)


def test_settings(folder: Folder) -> None:
    (folder.path / "own.py").write_text("STEP_BUCKET = 'from-module'\n")
    done = folder.run("info", "settings", SIMPLEFLOW_STATE="a\tb\nc")
    assert list(rows(done.out)) == list(settings.NAMES)
    assert "SIMPLEFLOW_STATE\ta b c\tenvironment\n" in done.out
    assert "STEP_BUCKET\tstep_bucket\tdefault\n" in done.out
    done = folder.run("info", "settings", SIMPLEFLOW_SETTINGS_MODULE="own", PYTHONPATH=_path(folder))
    assert "STEP_BUCKET\tfrom-module\town\n" in done.out


def test_all_of_it_as_json(folder: Folder) -> None:
    for args in (["info", "--json"], ["--format", "json", "info"], ["info", "--format", "json"]):
        found = json.loads(folder.run(*args).out)
        assert list(found) == ["versions", "settings", "environment"]
        assert found["versions"][0] == {"name": "simpleflow", "version": __version__}
    assert json.loads(folder.run("info", "--json", "versions").out) == found["versions"]
    assert folder.run("info", "--format", "csv", "versions").out.startswith("name,version\n")


def _path(folder: Folder) -> str:
    import os

    return f"{folder.path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"


def test_environment_hides_secrets(folder: Folder) -> None:
    done = folder.run("info", "environment", AWS_SECRET_ACCESS_KEY="hush", SWF_DOMAIN="d", OTHER="x")
    found = rows(done.out)
    assert found["AWS_SECRET_ACCESS_KEY"] == "(hidden)"
    assert found["SWF_DOMAIN"] == "d"
    assert "OTHER" not in found
    assert "hush" not in done.out


def test_version_and_help(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    expected = "\n".join(installation.version_lines()) + "\n"
    assert expected.startswith(f"simpleflow {__version__}\n")
    assert "not the library that the package index calls simpleflow" in expected
    assert folder.run("--version")[:2] == (0, expected)
    module = subprocess.run([sys.executable, "-m", "simpleflow", "--version"], capture_output=True, text=True)
    assert (module.returncode, module.stdout) == (0, expected)
    for args in ([], ["--help"], ["info", "-h"], ["workflow.start", "--help"]):
        assert main(args) == 0
        shown = capsys.readouterr()
        assert shown.out.startswith("Usage: simpleflow")
        assert shown.err == ""


def test_the_entry_point_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["simpleflow"] == "simpleflow.cli:main"


HEAVY = (
    "boto3",
    "botocore",
    "sqlite3",
    "msgspec",
    "multiprocessing",
    "asyncio",
    "difflib",
    "importlib.metadata",
)


_NOTHING = """
from simpleflow import Workflow

class Nothing(Workflow):
    name, version, task_list = "nothing", "1", "nothing"

    def run(self):
        pass
"""


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import simpleflow", (*HEAVY, "click", "greenlet")),
        ("import simpleflow.cli", (*HEAVY, "click", "greenlet")),
        ("from simpleflow.cli import main; main(['--version'])", HEAVY),
        ("from simpleflow.cli import main; main(['workflow.start', '--help'])", HEAVY),
        (
            "from simpleflow.cli import main; main(['workflow.start', '--local', 'flow.Context'])",
            ("boto3", "botocore", "asyncio", "difflib", "importlib.metadata"),
        ),
        (
            f"open('nothing.py', 'w').write({_NOTHING!r}); "
            "from simpleflow.cli import main; main(['workflow.start', '--local', 'nothing.py'])",
            ("base64", "dataclasses", "hashlib", "pathlib", "pickle", "urllib.parse"),
        ),
    ],
)
def test_unused_modules_are_not_imported(folder: Folder, code: str, absent: tuple[str, ...]) -> None:
    code += f"; import sys; print(*(name for name in {absent!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder.path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == ""
