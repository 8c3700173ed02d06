"""``simpleflow workflow.start --local``: results, lines, exit codes."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import WORKFLOWS, Folder


def at(code: str) -> str:
    """Return the place in ``flow.py`` of the first line that holds this code."""
    source = (WORKFLOWS / "flow.py").read_text().splitlines()
    return f"(flow.py:{next(number for number, line in enumerate(source, 1) if code in line)})"


SOFT = "ValueError: no such day " + at("raise ValueError(text)")


def lines(text: str) -> list[str]:
    """Return the lines with single spaces, and with durations and run ids replaced."""
    text = re.sub(r"\b\d+\.\d+ s\b", "N s", text)
    text = re.sub(r"run 2\d[\w-]{6}(?![\w-])", "run ID", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_first_run_runs_steps_and_the_next_one_skips_them(folder: Folder) -> None:
    first = folder.start("flow.Daily")
    assert first.code == 0
    assert json.loads(first.out) == {"load": "load mon", "report": "report mon", "näh": 1}
    assert first.out == '{"load":"load mon","report":"report mon","näh":1}\n'
    assert lines(first.err) == [
        f"workflow daily: started, run ID in {folder.path}/.simpleflow",
        "scheduled load",
        "completed load N s",
        "scheduled report.text forced: Dep of load",
        "completed report.text N s forced: Dep of load",
        "workflow daily: completed",
        "2 steps: 2 ran, 0 skipped, 0 failed in N s",
    ]
    second = folder.start("flow.Daily")
    assert second.code == 0
    assert lines(second.err)[1:] == [
        "skipped load Step was already played",
        "skipped report.text Step was already played",
        "workflow daily: completed",
        "2 steps: 0 ran, 2 skipped, 0 failed in N s",
    ]
    assert folder.log == ["load mon", "report mon"]


def test_forced_and_skipped_by_name_with_reasons(folder: Folder) -> None:
    folder.start("flow.Daily")
    done = folder.start("flow.Daily", "-i", '{"kwargs": {"force": ["load"], "skip": ["report"]}}')
    assert "scheduled load forced: asked to; no longer done: report.text" in lines(done.err)
    done = folder.start("flow.Daily", "-i", '{"kwargs": {"skip": "*"}}')
    assert "skipped report.text forced: not today" in lines(done.err)


def test_time_saved_by_skipping_is_shown_from_half_a_second_on(folder: Folder) -> None:
    assert "time saved" not in folder.start("flow.Six").err
    done = folder.start("flow.Six")
    assert lines(done.err)[-2:] == [
        "6 steps: 0 ran, 6 skipped, 0 failed in N s",
        "6 skipped: Step was already played; time saved by skipping: N s",
    ]
    assert folder.run("step.forget", "flow.Six", "s1").code == 0
    assert "5 skipped: Step was already played; time saved by skipping: 0." in folder.start("flow.Six").err


def test_columns_are_aligned(folder: Folder) -> None:
    steps = [line for line in folder.start("flow.Daily").err.splitlines() if line.startswith("completed")]
    assert len({line.index(" s") for line in steps}) == 1
    assert all(line.isascii() for line in steps)


@pytest.mark.parametrize(
    ("target", "code", "texts"),
    [
        ("Soft", 3, [f"failed load N s {SOFT}", "completed, but 1 step failed: load"]),
        ("SoftAlone", 0, [f"failed activity flow.soft {SOFT}", "1 activity failed"]),
        ("Hard", 1, ["failed: flow.hard: ValueError: no such day at all " + at("at all") + " (N s)"]),
        ("HardStep", 1, ["failed load N s ValueError: no such day at all", "1 step: 0 ran, 0 skipped, 1 failed"]),
        ("Stuck", 1, ["failed: flow.stuck: time-out START_TO_CLOSE after 1 s: queued for N s, ran for N s;"]),
        ("Raises", 1, ["failed: JSONDecodeError: Expecting property name", "(char 1) " + at("json.loads")]),
        ("ReadsFailure", 1, [f"failed: flow.soft: {SOFT}"]),
        ("Fails", 1, ["workflow flow.Fails: failed: the moon is full (since yesterday)"]),
        ("BadName", 1, ["failed: InputError: step name 'a..b' has an empty part"]),
        ("NotJson", 1, ["failed: NotEncodable: result of workflow flow.NotJson is not JSON"]),
        ("Deadlock", 1, ["failed: deadlock: it waits and nothing is under way"]),
        ("Exits", 1, ["failed: SystemExit: out (flow.py:"]),
    ],
)  # fmt: skip
def test_the_end_of_a_run_is_reported(folder: Folder, target: str, code: int, texts: list[str]) -> None:
    done = folder.start(f"flow.{target}")
    assert done.code == code
    for text in texts:
        assert text in "\n".join(lines(done.err))
    assert "Traceback" not in done.err + done.out
    assert (done.out == "") == (code == 1)


def test_debug_shows_the_tracebacks(folder: Folder) -> None:
    for target, text in (("Hard", 'raise ValueError("no such day\\nat all")'), ("Raises", 'return json.loads("{")')):
        for args in (("--debug", "workflow.start"), ("workflow.start", "--debug")):
            done = folder.run(*args, "--local", "--nb-workers", "1", f"flow.{target}")
            assert done.code == 1
            assert "Traceback (most recent call last)" in done.err
            assert text in done.err
    assert "raise ValueError(text)" in folder.start("flow.Soft", "--debug").err


def test_a_run_that_times_out(folder: Folder) -> None:
    done = folder.start("flow.Waits", "--execution-timeout", "1")
    assert done.code == 1
    assert "workflow flow.Waits: timed out" in done.err
    assert "workflow flow.Waits: waits for the signal go\n" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("request_cancel_workflow_execution", "workflow flow.Waits: cancelled"),
        ("terminate_workflow_execution", "workflow flow.Waits: terminated"),
    ],
)
def test_a_run_that_is_ended_from_outside(folder: Folder, method: str, message: str) -> None:
    from simpleflow.engines.sqlite.engine import SqliteEngine

    process = folder.begin("flow.Waits")
    assert process.stderr is not None
    assert "started" in process.stderr.readline()
    engine = SqliteEngine(folder.path / ".simpleflow")
    try:
        getattr(engine, method)("flow.Waits")
    finally:
        engine.close()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert message in err


def test_retries_are_shown(folder: Folder) -> None:
    done = folder.start("flow.Flaky")
    assert (done.code, done.out) == (0, '"there"\n')
    assert f"retrying activity flow.flaky OSError: not yet {at('not yet')}; try 2" in lines(done.err)
    assert "failed" not in done.err


def test_pauses_before_retries_are_shown(folder: Folder) -> None:
    done = folder.start("flow.Busy")
    assert (done.code, done.out) == (0, '"there"\n')
    text = f"retrying activity flow.busy ConnectionError: not yet {at('raise ConnectionError')}; try 2 in 1 s"
    assert text in lines(done.err)


def test_children_are_shown(folder: Folder) -> None:
    done = folder.start("flow.Parent")
    assert done.code == 0
    assert lines(done.err)[1:-1] == [
        "workflow the-child: started by flow.Parent",
        "scheduled the-child: inner",
        "completed the-child: inner N s",
        "workflow the-child: completed",
        "workflow flow.Parent: completed",
    ]


def test_output_of_user_code_is_kept_out_of_the_result(folder: Folder) -> None:
    done = folder.start("flow.Says")
    assert done.out == '"activity"\n'
    for text in ("run says\n", "activity\n", "activity from a shell\n"):
        assert text in done.err


@pytest.mark.parametrize("target", ["flow.Context", "flow:Context", "flow.py:Context", "./flow.py:Context"])
def test_forms_of_the_target(folder: Folder, target: str) -> None:
    assert json.loads(folder.start(target).out) == ["flow.Context", "flow.Context"]


def test_a_file_in_another_folder_can_import_its_neighbours(folder: Folder) -> None:
    (folder.path / "sub").mkdir()
    (folder.path / "sub" / "helper_of_it.py").write_text("NAME = 'helped'\n")
    (folder.path / "sub" / "it.py").write_text(
        "from helper_of_it import NAME\nfrom simpleflow import Workflow, activity\n"
        "@activity.with_attributes()\ndef act():\n    return NAME\n"
        "class It(Workflow):\n    def run(self):\n        return [self.submit(act).result, act.name]\n"
    )
    assert json.loads(folder.start("sub/it.py:It").out) == ["helped", "it.act"]


@pytest.mark.parametrize("stem", ["json", "click", "statistics", "my-flow", "a.b"])
def test_a_file_may_have_the_name_of_another_module(folder: Folder, stem: str) -> None:
    (folder.path / f"{stem}.py").write_text((folder.path / "flow.py").read_text())
    done = folder.start(f"{stem}.py:Daily")
    assert (done.code, folder.log) == (0, ["load mon", "report mon"]), done.err


@pytest.mark.parametrize(
    ("text", "echo"),
    [
        ('[1, "a"]', [[1, "a"], {}]),
        ('{"args": [1], "kwargs": {"k": null}}', [[1], {"k": None}]),
        ('{"kwargs": {"x": 1}}', [[], {"x": 1}]),
        ("{}", [[], {}]),
        ("[]", [[], {}]),
        ("12.5", [[12.5], {}]),
        ('"text"', [["text"], {}]),
        ("null", [[None], {}]),
        ('[{"x": 1}]', [[{"x": 1}], {}]),
        ('["\\ud800é"]', [["\ud800é"], {}]),
    ],
)
def test_forms_of_the_input(folder: Folder, text: str, echo: object) -> None:
    assert json.loads(folder.start("flow.Echo", "--input", text).out) == echo


def test_input_from_a_file_and_from_standard_input(folder: Folder) -> None:
    (folder.path / "input.json").write_bytes(b'\xef\xbb\xbf["caf\xc3\xa9"]\n')
    assert json.loads(folder.start("flow.Echo", "--input-file", "input.json").out) == [["café"], {}]
    assert json.loads(folder.start("flow.Echo", "--input-file", "-", stdin='{"args": [1]}').out) == [[1], {}]


def test_workflow_id_tags_and_task_list(folder: Folder) -> None:
    assert json.loads(folder.start("flow.Context", "--workflow-id", "mine").out) == ["flow.Context", "mine"]
    assert json.loads(folder.start("flow.Tags", "--tags", "a, b").out) == [["a", "b"], ["a", "b"]]
    done = folder.start("flow.Context", "--task-list", "own", "--decision-tasks-timeout", "9", "--domain", "d")
    assert done.code == 0


def test_middlewares(folder: Folder) -> None:
    (folder.path / "sub").mkdir()
    (folder.path / "sub" / "own.py").write_text((folder.path / "flow.py").read_text())
    done = folder.start(
        "sub/own.py:Tags", "--middleware-pre-execution", "flow.before", "--middleware-post-execution", "flow.after"
    )
    assert done.code == 0
    assert folder.log == ["before own.tags", "after own.tags []"]


def test_activities_in_this_process(folder: Folder) -> None:
    done = folder.run("workflow.start", "--local", "--nb-workers", "0", "flow.Daily")
    assert (done.code, folder.log) == (0, ["load mon", "report mon"])


def test_state_folder_from_option_setting_and_default(folder: Folder) -> None:
    for args, environment, name in (
        (["--state", "one"], {}, "one"),
        ([], {"SIMPLEFLOW_STATE": "two"}, "two"),
        ([], {}, ".simpleflow"),
    ):
        folder.start("flow.Context", *args, **environment)
        assert (folder.path / name / "history.sqlite").exists()


def test_marks_in_a_bucket(folder: Folder, bucket: str) -> None:
    host, _, name = bucket.rpartition("/")
    for count in ("2 ran", "2 skipped"):
        done = folder.start("flow.Daily", SIMPLEFLOW_S3_HOST=host, STEP_BUCKET=name)
        assert done.code == 0, done.err
        assert count in done.err


@pytest.mark.parametrize(
    ("host", "environment", "message"),
    [
        ("http://127.0.0.1:1", {}, "nothing answers there"),
        ("{server}", {}, "there is no such bucket"),
        ("{server}", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "the secret key does not match"),
    ],
)
def test_an_unusable_bucket_is_one_line(
    folder: Folder, bucket: str, host: str, environment: dict[str, str], message: str
) -> None:
    server, _, name = bucket.rpartition("/")
    name = name if environment else "not-there"
    host = host.format(server=server)
    done = folder.start("flow.Daily", SIMPLEFLOW_S3_HOST=host, STEP_BUCKET=name, **environment)
    assert done.code == 1
    last = [line for line in done.err.splitlines() if line.startswith("workflow daily: failed")]
    assert len(last) == 1
    assert "StoreError" in last[0]
    assert message in last[0]
    assert "Traceback" not in done.err
    assert folder.log == []
