"""The commands for Amazon SWF, used with the local server: decider.start, worker.start, standalone, workflow.start."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import WORKFLOWS
from tests.cli.swf import DOMAIN, Commands, server
from tests.markup import plain
from tests.pauses import wait_for
from tests.processes import alive
from tests.worker import programs


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("server"), "--poll-seconds", "20") as found:
        yield found


@pytest.fixture
def swf(url: str, tmp_path: Path) -> Iterator[Commands]:
    shutil.copy(WORKFLOWS / "remote.py", tmp_path)
    found = Commands(tmp_path, url)
    yield found
    found.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A workflow id that no other test uses, because the tests share the server."""
    return re.sub(r"\W+", "-", request.node.name)


def test_start_then_deciders_and_workers(swf: Commands, name: str) -> None:
    found = swf.start("remote.Daily", "-i", '["tue"]', "--workflow-id", name, "--tags", "a,b")
    assert found[0] == name
    decider = swf.begin("decider.start", "-N", "2", "remote.Daily")
    worker = swf.begin("worker.start", "-t", "default", "-N", "2")
    end = swf.wait_for_end(*found)
    assert end["workflowExecutionCompletedEventAttributes"]["result"] == '"tue"'
    assert swf.events(*found)[0]["workflowExecutionStartedEventAttributes"]["tagList"] == ["a", "b"]
    for kind in ("DecisionTaskStarted", "ActivityTaskStarted"):
        member = f"{kind[0].lower()}{kind[1:]}EventAttributes"
        started = [json.loads(each[member]["identity"]) for each in swf.events(*found) if each["eventType"] == kind]
        assert {tuple(each) for each in started} == {("user", "host", "pid")}
        assert {each["host"] for each in started} == {socket.gethostname()}
        assert all(alive(each["pid"]) for each in started)
    for process in (decider, worker):
        process.terminate()
        code, out, err = programs.finish(process, 10)
        assert (code, out) == (0, ""), err
        assert "Traceback" not in err
        assert f"workflow {name}, run {found[1]}" in err


def test_worker_log_has_one_line_for_each_begin_and_end(swf: Commands, name: str) -> None:
    done = swf.run("standalone", "remote.Daily", "--workflow-id", name)
    assert (done.code, done.out) == (0, '"mon"\n'), done.err
    run_id = re.search(r"started, run (\S+) in domain test, task list standalone-", done.err)
    assert run_id is not None
    where = rf"\(workflow {name}, run {run_id[1]}[^,]+, activity id \S+\)"
    assert len(re.findall(rf"INFO \d+ \S+: activity remote\.fetch {where} begins", done.err)) == 1
    assert len(re.findall(rf"INFO \d+ \S+: activity remote\.fetch {where} completed after \d\.\d+ s", done.err)) == 1
    assert re.search(rf"decision \d+ of remote\.Daily \(workflow {name}, run {run_id[1]}\S+\) was answered", done.err)
    assert f"workflow {name}: completed" in done.err


def test_log_level(swf: Commands, name: str) -> None:
    done = swf.run("standalone", "remote.Daily", "--workflow-id", name, LOG_LEVEL="warning")
    assert [line.partition(":")[2].split()[0] for line in done.err.splitlines()] == ["started,", "completed"]
    done = swf.run("standalone", "remote.Daily", LOG_LEVEL="loud")
    assert (done.code, done.err) == (
        2,
        "error: LOG_LEVEL is 'loud': expected DEBUG, INFO, WARNING, ERROR or CRITICAL\n",
    )


IDENTITY = '{"team": "blue", "host": null}'


def test_identity(swf: Commands, name: str) -> None:
    told = ("--on-success", "cat > told; test -z $SIMPLEFLOW_STATE")
    done = swf.run("standalone", "remote.Daily", "--workflow-id", name, *told, SIMPLEFLOW_IDENTITY=IDENTITY)
    assert done.code == 0, done.err
    assert "warning" not in done.err
    summary = json.loads((swf.path / "told").read_text())
    assert summary["text"].startswith(f"workflow {name} on ")
    tasks = [each for each in swf.events(name, summary["run_id"]) if each["eventType"].endswith("TaskStarted")]
    assert len(tasks) >= 5
    identities = {next(value for value in each.values() if isinstance(value, dict))["identity"] for each in tasks}
    assert len(identities) == 2, "a decider and a worker"
    for identity in map(json.loads, identities):
        assert identity.keys() == {"user", "pid", "team"}
        assert identity["team"] == "blue"


@pytest.mark.parametrize("command", ["worker.start", "decider.start", "standalone remote.Daily"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("blue", "SIMPLEFLOW_IDENTITY is 'blue': expected JSON, such as"),
        (json.dumps("b" * 255), "SIMPLEFLOW_IDENTITY has 257 characters; expected at most 256"),
    ],
)
def test_an_invalid_identity_is_refused(swf: Commands, command: str, given: str, message: str) -> None:
    done = swf.run(*command.split(), SIMPLEFLOW_IDENTITY=given)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}")
    assert done.err.count("\n") == 1


def test_standalone_of_a_run_that_fails(swf: Commands, name: str) -> None:
    done = swf.run("standalone", "remote.Hard", "--workflow-id", name, LOG_LEVEL="ERROR")
    assert (done.code, done.out) == (1, "")
    end, following = done.err.splitlines()[-2:]
    assert "failed: " in end
    assert "no such day" in end
    assert following.endswith(f"to go on: simpleflow standalone remote.Hard --workflow-id {name}")


@pytest.mark.parametrize(
    ("workflow", "given", "code"),
    [("remote.Overlooks", "[]", 3), ("remote.Overlooks", "[null]", 3), ("remote.Looks", "[]", 0)],
)
def test_a_failure_that_no_code_has_asked_about_sets_the_exit_code(
    swf: Commands, name: str, workflow: str, given: str, code: int
) -> None:
    done = swf.run("standalone", workflow, "--workflow-id", f"{name}-{code}", "-i", given, LOG_LEVEL="ERROR")
    assert done.code == code, done.err


def test_standalone_with_steps_of_which_one_fails(swf: Commands, name: str, bucket: str) -> None:
    host, _, marks = bucket.rpartition("/")
    at = {"SIMPLEFLOW_S3_HOST": host, "STEP_BUCKET": marks}
    done = swf.run("standalone", "remote.Steps", "--workflow-id", name, "--display-status", **at)
    assert (done.code, done.out) == (3, "null\n"), done.err
    assert re.search(r"^completed +load ", done.err, re.M)
    assert re.search(r"^failed +save ", done.err, re.M)
    assert "completed, but 1 step failed: save" in done.err
    again = swf.run("standalone", "remote.Steps", "--workflow-id", name, "--report", "report.html", **at)
    assert again.code == 3
    assert "2 steps: 0 ran, 1 skipped, 1 failed" in again.err
    assert swf.log.count("did load") == 1
    report = (swf.path / "report.html").read_text()
    assert "1 skipped, 1 failed" in report
    assert "domain test" in report
    assert "simpleflow task.info --domain test --run-id" in plain(report)
    assert swf.run("workflow.report", name, "-o", "later.html").code == 0
    assert "1 skipped, 1 failed" in (swf.path / "later.html").read_text()


def test_steps_are_forced_and_skipped_at_start(swf: Commands, name: str, bucket: str) -> None:
    host, _, marks = bucket.rpartition("/")
    at = {"SIMPLEFLOW_S3_HOST": host, "STEP_BUCKET": marks, "LOG_LEVEL": "ERROR"}
    target = ("remote.Chosen", "--workflow-id", name)
    for options, expected in (
        ((), ["1 step: 1 ran, 0 skipped, 0 failed"]),
        (
            ("--force", "laod", "--skip", "load"),
            [
                "--force 'laod': no step of that name was reached (did you mean 'load'?)",
                "1 step: 0 ran, 1 skipped, 0 failed",
                "1 skipped: Requested at start",
            ],
        ),
        (("--force", "load.mon", "--skip", "*"), ["1 step: 1 ran, 0 skipped, 0 failed"]),
        ((), ["1 step: 0 ran, 1 skipped, 0 failed", "1 skipped: Step was already played"]),
    ):
        done = swf.run("standalone", *target, *options, **at)
        assert done.code == 0, done.err
        lines = [re.sub(r" in [\d.]+ s$", "", line) for line in done.err.splitlines()]
        assert [line for line in lines if not line.startswith(("workflow ", "time saved by skipping: "))] == expected
    _, run_id = swf.start(*target, "--force", "load", "--skip", "a,b")
    given = swf.events(name, run_id)[0]["workflowExecutionStartedEventAttributes"]["input"]
    assert json.loads(given)["__simpleflow_steps"] == {"force": ["load"], "skip": ["a", "b"]}


def test_steps_of_a_domain_are_steered(swf: Commands, name: str, bucket: str) -> None:
    host, _, marks = bucket.rpartition("/")
    at = {"SIMPLEFLOW_S3_HOST": host, "STEP_BUCKET": marks}
    target = ("remote.Chosen", "--workflow-id", name, "--domain", DOMAIN)
    plan = ("step.plan", *target, "--assume-last", "--format", "json")
    before = swf.run(*plan, **at)
    assert (before.code, before.out) == (0, "[]\n"), before.err
    assert f"warning: there is no earlier run of workflow '{name}' in domain {DOMAIN}\n" in before.err
    assert "run() needs the result of activity remote.fetch" in before.err
    assert swf.run("standalone", *target, LOG_LEVEL="ERROR", **at).code == 0
    again = swf.run(*plan, "--force", "load", **at)
    assert again.err == ""
    assert [(step["step"], step["verdict"]) for step in json.loads(again.out)] == [("load.mon", "run")]

    warning = f"warning: a run of workflow '{name}' is under way; it has read its marks already (run "
    assert warning not in swf.run("step.mark", *target[:1], "x", *target[1:], **at).err
    _, run_id = swf.start("remote.Chosen", "--workflow-id", name)
    done = swf.run("step.forget", *target[:1], "x", *target[1:], **at)
    assert (done.code, done.out) == (0, "removed\nx\n"), done.err
    assert f"{warning}{run_id[:8]})\n" in done.err
    done = swf.run("step.mark", *target[:1], "x", *target[1:], AWS_ENDPOINT_URL_SWF="http://127.0.0.1:9", **at)
    assert (done.code, done.out) == (0, "marked\nx\n"), done.err
    assert f"warning: cannot tell if a run of workflow '{name}' is under way: " in done.err


def test_standalone_runs_children_too(swf: Commands, name: str) -> None:
    done = swf.run("standalone", "remote.Parent", "--workflow-id", name)
    assert (done.code, done.out) == (0, '"Ann"\n'), done.err


def test_heartbeats_keep_a_long_activity_alive(swf: Commands, name: str) -> None:
    done = swf.run("standalone", "remote.Slow", "--workflow-id", name)
    assert (done.code, done.out) == (0, '"slow"\n'), done.err


def test_a_hung_activity_is_killed_at_its_time_out(swf: Commands, name: str) -> None:
    done = swf.run("standalone", "remote.Stuck", "--workflow-id", name, ACTIVITY_SIGTERM_WAIT_SEC="1")
    assert done.code == 0, done.err
    stuck, after = json.loads(done.out)
    assert stuck.startswith("time-out START_TO_CLOSE after 2 s: queued for ")
    assert after == "after"
    assert not any(map(alive, swf.pids("stuck")))
    assert "was stopped: it timed out, or its execution was closed" in done.err


def test_an_activity_of_a_terminated_execution_is_killed(swf: Commands, name: str) -> None:
    found = swf.start("remote.Deaf", "--workflow-id", name, "--task-list", name)
    swf.begin("decider.start", "-t", name)
    worker = swf.begin("worker.start", "--heartbeat", "0.5", ACTIVITY_SIGTERM_WAIT_SEC="1")
    wait_for(lambda: swf.pids("deaf"))
    swf.client.terminate_workflow_execution(domain=DOMAIN, workflowId=found[0], runId=found[1])
    wait_for(lambda: not alive(swf.pids("deaf")[0]), "the death of the activity")
    worker.terminate()
    assert "was stopped" in programs.finish(worker)[2]


def test_sigterm_lets_the_current_task_finish(swf: Commands, name: str) -> None:
    found = swf.start("remote.Daily", "-i", '["wed", 2]', "--workflow-id", name)
    swf.begin("decider.start", "remote.Daily")
    worker = swf.begin("worker.start")
    wait_for(lambda: swf.pids("wed"))
    worker.terminate()
    code, _, err = programs.finish(worker)
    assert code == 0
    assert re.search(r"activity remote\.fetch .* completed after", err)
    assert "SIGTERM: stops; waits for the current tasks of its processes (1 worker) for as long as they take" in err
    assert re.search(r"waits for activity remote\.fetch .* for as long as it takes", err)
    assert "remote.other" not in err
    assert swf.log[-1] == "did wed"
    assert swf.run("worker.start", "--one-task").code == 0
    swf.wait_for_end(*found)


def test_stop_after_fails_the_current_task_so_that_it_is_tried_again(swf: Commands, name: str) -> None:
    found = swf.start("remote.Patient", "--workflow-id", name, "--task-list", name)
    swf.begin("decider.start", "-t", name)
    worker = swf.begin("worker.start", "-t", "patient", "--stop-after", "0.5")
    wait_for(lambda: swf.pids("patient"))
    began = time.monotonic()
    worker.terminate()
    code, _, err = programs.finish(worker, 10)
    assert code == 0
    assert 0.4 < time.monotonic() - began < 5
    assert re.search(
        r"SIGTERM: stops; waits for the current tasks of its processes \(1 worker\) for 0.5 s at most", err
    )
    assert re.search(rf"waits for activity remote.patient \(workflow {name}, .*\) until \d\d:\d\d:\d\d at most", err)
    assert re.search(r"activity remote.patient .* failed: worker stopped after", err)
    wait_for(lambda: swf.kinds(*found).count("ActivityTaskScheduled") == 2, "the next try")
    failed = next(each for each in swf.events(*found) if each["eventType"] == "ActivityTaskFailed")
    assert failed["activityTaskFailedEventAttributes"]["reason"] == "worker stopped"
    (swf.path / "tried").touch()
    assert swf.run("worker.start", "-t", "patient", "--one-task").code == 0
    swf.wait_for_end(*found)


def connections(url: str) -> int:
    """Return how many clients are connected to the server."""
    port = f":{int(url.rpartition(':')[2]):04X}"
    found = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return sum(each[2].endswith(port) and each[3] == "01" for each in found)


def test_idle_processes_stop_within_seconds_and_lose_no_task(swf: Commands, name: str) -> None:
    before = connections(swf.url)
    workers = [swf.begin("worker.start", "-t", name, "-N", "2"), swf.begin("decider.start", "-t", name, "-N", "2")]
    wait_for(lambda: connections(swf.url) >= before + 4, "four pollers")
    time.sleep(0.5)  # now their polls have arrived, and would wait for 20 seconds
    for process in workers:
        process.terminate()
    for process in workers:
        code, _, err = programs.finish(process, 8)
        assert code == 0, err
        assert "failed" not in err
    found = swf.start("remote.Daily", "--workflow-id", name, "--task-list", name)
    token = swf.client.poll_for_decision_task(domain=DOMAIN, taskList={"name": name}).get("taskToken")
    assert token
    assert swf.kinds(*found) == ["WorkflowExecutionStarted", "DecisionTaskScheduled", "DecisionTaskStarted"]


def test_a_second_signal_ends_all_at_once(swf: Commands, name: str) -> None:
    swf.start("remote.Deaf", "--workflow-id", name, "--task-list", name)
    swf.begin("decider.start", "-t", name)
    worker = swf.begin("worker.start")
    wait_for(lambda: swf.pids("deaf"))
    worker.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(1.5)
    worker.send_signal(signal.SIGINT)
    assert programs.finish(worker, 5)[0] == 130
    wait_for(lambda: not alive(swf.pids("deaf")[0]))


def test_a_killed_activity_fails_with_a_message(swf: Commands, name: str) -> None:
    process = swf.begin("standalone", "remote.Daily", "-i", '["thu", 60]', "--workflow-id", name)
    wait_for(lambda: swf.pids("thu"))
    os.kill(swf.pids("thu")[0], signal.SIGKILL)
    code, out, err = programs.finish(process)
    assert (code, out) == (1, "")
    assert "WorkerDied: the worker process ended by signal 9 while it did the activity" in err
    assert "to go on: simpleflow standalone remote.Daily" in err.splitlines()[-1]


def test_a_killed_poller_is_replaced_and_its_task_runs_again(swf: Commands, name: str) -> None:
    process = swf.begin("standalone", "remote.OnceStuck", "--workflow-id", name)
    wait_for(lambda: swf.pids("once"))
    activity = swf.pids("once")[0]
    poller = int(Path(f"/proc/{activity}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(poller, signal.SIGKILL)
    wait_for(lambda: not alive(activity), "the death of the activity of the poller")
    code, out, err = programs.finish(process, 30)
    assert (code, out) == (0, '"there"\n'), err
    assert f"worker (process {poller}) ended by signal 9; another one begins" in err


def test_a_stopped_standalone_says_how_to_continue(swf: Commands, name: str) -> None:
    process = swf.begin("standalone", "remote.Daily", "-i", '["fri", 2]', "--workflow-id", name)
    wait_for(lambda: swf.pids("fri"))
    process.send_signal(signal.SIGINT)
    code, out, err = programs.finish(process)
    assert (code, out) == (130, "")
    last = err.splitlines()[-1]
    hint = re.search(r"to continue it, run decider.start and worker.start with (-d test -t standalone-\S+)$", last)
    assert hint is not None, last
    assert "did fri" in swf.log  # the current task was finished


def test_one_task_and_poll_data(swf: Commands, name: str) -> None:
    found = swf.start("remote.Daily", "--workflow-id", name, "--task-list", name)
    swf.begin("decider.start", "-t", name)
    task = swf.client.poll_for_activity_task(domain=DOMAIN, taskList={"name": "default"})
    task.pop("ResponseMetadata")
    done = swf.run("worker.start", "--poll-data", base64.b64encode(json.dumps(task).encode()).decode())
    assert done.code == 0, done.err
    assert swf.log[-1] == "did mon"
    assert swf.run("worker.start", "--one-task", "--modules", "remote").code == 0
    assert swf.wait_for_end(*found)["eventType"] == "WorkflowExecutionCompleted"


def test_repair_reuses_completed_activities(swf: Commands, name: str) -> None:
    failed = swf.run("standalone", "remote.Repaired", "-i", '["y"]', "--workflow-id", name)
    assert failed.code == 1
    (swf.path / "mended").touch()
    repair = ("standalone", "remote.Repaired", "--repair", name, "--force-activities", "other")
    done = swf.run(*repair, "--workflow-id", f"{name}-2")
    assert (done.code, done.out) == (0, '"last"\n'), done.err
    assert [line for line in swf.log if line.startswith("did")] == ["did y", "did y", "did y", "did last"]
    assert len(swf.pids("y")) == 1


def test_an_error_in_a_decider_is_logged_and_not_repeated_in_a_loop(swf: Commands, name: str) -> None:
    (swf.path / "broken.py").write_text("import no_such_module\n")
    swf.client.register_workflow_type(domain=DOMAIN, name="broken.Flow", version="1")
    run_id = swf.client.start_workflow_execution(
        domain=DOMAIN,
        workflowId=name,
        workflowType={"name": "broken.Flow", "version": "1"},
        taskList={"name": name},
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="1",
        childPolicy="TERMINATE",
    )["runId"]
    decider = swf.begin("decider.start", "-t", name)
    wait_for(lambda: "DecisionTaskTimedOut" in swf.kinds(name, run_id), "the first time-out")
    time.sleep(3)
    decider.terminate()
    code, _, err = programs.finish(decider)
    assert code == 0
    faults = re.findall(rf"decision \d+ of broken.Flow \(workflow {name}, run \S+\) failed", err)
    assert 1 <= len(faults) <= 5
    assert "workflow broken.Flow is unknown, and its module cannot be imported: No module named 'no_such_module'" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("workflow.start remote.Daily -d d --state x", "--state is for runs in this process"),
        ("workflow.start remote.Daily --middleware-pre-execution a.b", "give it to worker.start"),
        ("workflow.start remote.Daily -i [1,2,3]", "the input does not fit Daily.run"),
        ("workflow.start remote.Nope", "there is no class 'Nope'"),
        ("standalone remote.Daily --force-activities x", "--force-activities needs --repair"),
        ("standalone remote.Daily --repair x --force-activities (", "is not a regular expression"),
        ("worker.start --heartbeat -1", "Invalid value for '--heartbeat'"),
        ("worker.start --stop-after -1", "Invalid value for '--stop-after'"),
        ("worker.start --poll-data x", "--poll-data is not a response of PollForActivityTask"),
        ("worker.start --middleware-pre-execution no.such", "middleware 'no.such' cannot be loaded"),
        ("decider.start remote.Daily remote.Slow", "the workflows have the task lists daily, default"),
    ],
)
def test_bad_input(swf: Commands, args: str, message: str) -> None:
    done = swf.run(*args.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_no_domain(swf: Commands) -> None:
    for command in (("worker.start",), ("decider.start",), ("standalone", "remote.Daily")):
        done = swf.run(*command, SWF_DOMAIN="")
        assert done.code == 2
        assert "no Amazon SWF domain is given" in done.err


@pytest.mark.parametrize("command", ["worker.start", "decider.start", "standalone remote.Daily"])
def test_a_domain_that_does_not_exist(swf: Commands, command: str) -> None:
    done = swf.run(*command.split(), "-d", "nowhere")
    assert (done.code, done.out) == (1, "")
    assert "nowhere" in done.err
    assert "Traceback" not in done.err


RETURNS = """
from simpleflow import Workflow

class Waits(Workflow):
    name = "waits"

    def run(self):
        return self.submit(self.wait_signal("never")).result

class Returns(Workflow):
    name = "returns"

    def run(self):
        self.submit(Waits)
        return 7
"""


def test_a_run_that_returns_while_a_child_waits_for_a_signal(swf: Commands, name: str) -> None:
    (swf.path / "returns.py").write_text(RETURNS)
    done = swf.run("standalone", "returns.Returns", "--workflow-id", name)
    assert (done.code, done.out) == (0, "7\n"), done.err
    assert f"run has returned, and the run ends although children wait for signals: {name}--waits-" in done.err
    found = swf.client.list_open_workflow_executions(
        domain=DOMAIN, startTimeFilter={"oldestDate": 0}, typeFilter={"name": "waits"}
    )
    assert any(each["execution"]["workflowId"].startswith(name) for each in found["executionInfos"]), "it stays open"


LOGS = """
import logging, threading
from simpleflow import Workflow, activity

@activity.with_attributes(raises_on_failure=True)
def tells():
    thread = threading.Thread(target=logging.getLogger("simpleflow.mine").warning, args=("from a thread",))
    thread.start()
    thread.join()
    logging.getLogger("simpleflow.mine").error("at %s", "https://me:secret@host/", exc_info=ValueError("no"))

class Logs(Workflow):
    name = "logs"

    def run(self):
        logging.getLogger("simpleflow.mine").info("decides")
        return self.submit(tells).result
"""


def test_a_log_of_json(swf: Commands, name: str) -> None:
    (swf.path / "logs.py").write_text(LOGS)
    done = swf.run("standalone", "logs.Logs", "--workflow-id", name, "--log-format", "json")
    assert done.code == 0, done.err
    records = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    run_id = next(each["run"] for each in records if "run" in each)
    events = swf.events(name, run_id)
    started = next(each["eventId"] for each in events if each["eventType"] == "ActivityTaskStarted")
    about = {"workflow": name, "run": run_id}
    task = about | {"activity": "logs.tells", "activity_id": "activity-logs.tells-1", "attempt": started}
    found = {each["message"]: each for each in records}
    common = {"time", "level", "logger", "process", "message"}
    for message in ("from a thread", "at https://me:***@host/"):
        assert {key: found[message].get(key) for key in task} == task
    assert "ValueError: no" in found["at https://me:***@host/"]["error"]
    assert found["decides"].keys() == common | about.keys() | {"workflow_type"}
    assert any("completed after" in each["message"] and each.get("attempt") == started for each in records)
    done = swf.run("worker.start", SIMPLEFLOW_LOG_FORMAT="xml")
    assert (done.code, done.err) == (2, "error: SIMPLEFLOW_LOG_FORMAT is 'xml': expected text or json\n")
