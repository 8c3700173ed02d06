"""Options and settings of the existing library: they work, or the page about compatibility lists them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from simpleflow import settings
from simpleflow.cli import existing_options
from simpleflow.cli.app import _COMMANDS, app
from tests.cli.conftest import Folder
from tests.docs.pages import read

PAGE = "docs/compatibility.md"

# From the documentation and the help texts of version 0.36.
OPTIONS = {
    "": "--format --header --no-header --color --version --help -h",
    "activity.rerun": "--activity-id --scheduled-id --run-id -i --input --workflow-id --domain",
    "binaries.download": "",
    "decider.start": "-d --domain -t --task-list -l --log-level -N --nb-processes",
    "info": "",
    "standalone": "--force-activities --repair --display-status -d --domain --workflow-id --execution-timeout "
    "--decision-tasks-timeout --tags --input-file -i --input -D --nb-deciders -W --nb-workers --heartbeat "
    "--middleware-post-execution --middleware-pre-execution",
    "task.info": "--details --no-details",
    "worker.start": "-d --domain -t --task-list -l --log-level -N --nb-processes --heartbeat --one-task --poll-data "
    "--middleware-post-execution --middleware-pre-execution",
    "workflow.filter": "-s --status --tag --workflow-id --workflow-type-name --workflow-type-version -c --close-status "
    "-d --started-since --from-date --to-date",
    "workflow.history": "--domain -o --output-format --of --reverse-order",
    "workflow.info": "",
    "workflow.list": "-s --status -d --started-since",
    "workflow.profile": "-n --nb-tasks",
    "workflow.restart": "",
    "workflow.start": "-d --domain --workflow-id --task-list --execution-timeout --decision-tasks-timeout --tags "
    "--input-file -i --input --local --middleware-post-execution --middleware-pre-execution",
    "workflow.tasks": "-n --nb-tasks",
    "workflow.terminate": "",
}
SETTINGS = [
    "SIMPLEFLOW_S3_HOST",
    "SIMPLEFLOW_S3_SSE",
    "STEP_BUCKET",
    "METROLOGY_BUCKET",
    "METROLOGY_PATH_PREFIX",
    "WORKFLOW_DEFAULT_TASK_LIST",
    "WORKFLOW_DEFAULT_VERSION",
    "WORKFLOW_DEFAULT_EXECUTION_TIME",
    "WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT",
    "ACTIVITY_DEFAULT_TASK_LIST",
    "ACTIVITY_DEFAULT_VERSION",
    "ACTIVITY_DEFAULT_TIMEOUT",
    "ACTIVITY_START_TO_CLOSE_TIMEOUT",
    "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT",
    "ACTIVITY_SCHEDULE_TO_START_TIMEOUT",
    "ACTIVITY_HEARTBEAT_TIMEOUT",
    "LOGGING",
    "SIMPLEFLOW_SYSLOG_TARGET",
    "SIMPLEFLOW_ENABLE_DISK_CACHE",
    "SIMPLEFLOW_BINARIES_DIRECTORY",
    "ACTIVITY_SIGTERM_WAIT_SEC",
    "SWF_DOMAIN",
    "SWF_CONNECTION_RETRIES",
    "SWF_MAX_OPEN_ACTIVITY_COUNT",
    "SIMPLEFLOW_JUMBO_FIELDS_BUCKET",
    "SIMPLEFLOW_IDENTITY",
    "SIMPLEFLOW_FORMAT",
    "LOG_LEVEL",
    "SIMPLEFLOW_ENV",
    "SIMPLEFLOW_DISABLE_SETPROCTITLE",
]


def options_of(command: click.Command) -> set[str]:
    context = click.Context(command, **command.context_settings)
    return {name for each in command.get_params(context) for name in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_options(name: str) -> None:
    if name and name not in _COMMANDS:
        assert f"`{name}`" in read(PAGE)
        return
    command = app.get_command(click.Context(app), name) if name else app
    assert command is not None
    assert set(OPTIONS[name].split()) - options_of(command) == set()


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str) -> None:
    documented = f"`{name}`" in read("docs/operations.md") + read("docs/command-line.md") + read(PAGE)
    assert documented
    if name not in settings.NAMES and name not in ("LOG_LEVEL", "SIMPLEFLOW_FORMAT"):
        assert name in existing_options.UNUSED_SETTINGS
        assert f"`{name}`" in read(PAGE)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("standalone --display-status true a.B", "standalone --display-status a.B"),
        ("standalone --display-status FALSE a.B", "standalone a.B"),
        ("standalone --display-status=1 a.B", "standalone --display-status a.B"),
        ("standalone --display-status=no a.B", "standalone a.B"),
        ("standalone --display-status a.B", "standalone --display-status a.B"),
        ("standalone a.B --display-status", "standalone a.B --display-status"),
        ("workflow.history id --reverse-order true", "workflow.history id --reverse-order"),
        ("workflow.start a.B -i true", "workflow.start a.B -i true"),
    ],
)
def test_flags_with_a_truth_value(given: str, expected: str) -> None:
    assert existing_options.translated(given.split()) == expected.split()


def test_formats(folder: Folder) -> None:
    for args, variable, kind in (
        (["--format", "prettyjson", "info", "versions"], "", json.loads),
        (["info", "versions", "--format", "prettyjson"], "", json.loads),
        (["info", "versions"], "json", json.loads),
        (["info", "versions", "--format", "json"], "csv", json.loads),
    ):
        done = folder.run(*args, SIMPLEFLOW_FORMAT=variable)
        assert done.code == 0, done.err
        assert kind(done.out)[0]["name"] == "simpleflow"
    titled = folder.run("--format", "csv", "info", "versions").out
    assert folder.run("--no-header", "--format", "csv", "info", "versions").out == titled.split("\n", 1)[1]
    table = folder.run("--format", "tabular", "info", "versions").out
    assert re.match(r"name +version\nsimpleflow +", table)
    assert folder.run("--no-header", "info", "versions", "--format", "table").out == table.split("\n", 1)[1]
    assert folder.run("--format", "tsv", "info", "versions").code == 2


def test_info_alone(folder: Folder) -> None:
    done = folder.run("info", SWF_DOMAIN="d")
    assert done.code == 0
    for line in ("simpleflow\t", "SWF_DOMAIN\td\tenvironment", "SWF_DOMAIN\td\n"):
        assert line in done.out


@pytest.mark.parametrize("sections", [["versions,settings"], ["versions", "settings"], ["settings,versions"]])
def test_some_sections_of_info(folder: Folder, sections: list[str]) -> None:
    assert set(json.loads(folder.run("info", *sections, "--json").out)) == {"versions", "settings"}
    lines = folder.run("info", *sections).out
    assert lines.startswith("simpleflow\t")
    assert "SWF_DOMAIN\t" in lines


def test_a_section_that_info_does_not_have(folder: Folder) -> None:
    done = folder.run("info", "versions,setings")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_settings_without_effect_are_told_once(folder: Folder) -> None:
    done = folder.run("info", "versions", METROLOGY_BUCKET="b", LOGGING="{}")
    assert done.code == 0
    assert done.err == "warning: LOGGING, METROLOGY_BUCKET have no effect here; see docs/compatibility.md\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("workflow.list --local", "no runs: folder {}/of-module"),
        ("workflow.start --local flow.Nothing", "error: there is no class 'Nothing' in 'flow'"),
        ("standalone flow.Nothing", "error: there is no class 'Nothing' in 'flow'"),
        ("worker.start --poll-data x", "error: --poll-data"),
    ],
)
def test_the_settings_module_may_be_in_the_current_folder(folder: Folder, command: str, expected: str) -> None:
    (folder.path / "my_settings.py").write_text("SIMPLEFLOW_STATE = 'of-module'\nSWF_DOMAIN = 'd'\n")
    done = folder.run(*command.split(), SIMPLEFLOW_SETTINGS_MODULE="my_settings")
    assert done.err.startswith(expected.format(folder.path)), done.err


def test_history_and_filter(folder: Folder, tmp_path: Path) -> None:
    (folder.path / "one.py").write_text(
        "from simpleflow import Workflow\nclass W(Workflow):\n    def run(self): return 1\n"
    )
    assert folder.run("workflow.start", "--local", "one.W", "--workflow-id", "w").code == 0
    done = folder.run("workflow.history", "w", "--local", "--of", "raw", "--reverse-order", "true")
    ids = [event["eventId"] for event in json.loads(done.out)]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) > 3
    common = ["workflow.filter", "--local", "--format", "json", "-c", "COMPLETED", "--workflow-type-name", "one.W"]
    dates = ["--from-date", "2020-01-01 00:00:00", "--to-date", "2100-01-01T00:00:00+0100"]
    done = folder.run(*common, *dates)
    assert [each["workflow_id"] for each in json.loads(done.out)] == ["w"], done.err


def test_a_setting_whose_name_is_misspelt_is_reported(folder: Folder) -> None:
    done = folder.run("workflow.list", SIMPLEFLOW_KEEP_RUN="3", SIMPLEFLOW_STATUS="failed", SIMPLEFLOW_OTHER="1")
    text = "there is no setting SIMPLEFLOW_KEEP_RUN, so it has no effect (did you mean 'SIMPLEFLOW_KEEP_RUNS'?)"
    assert done.err.splitlines()[0] == f"warning: {text}"
    assert done.err.count("warning") == 1
