"""A local SWF server, and a folder in which tests run commands that use it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import nursery
from tests.cli.conftest import Done
from tests.pauses import wait_for
from tests.stamps import unstamped
from tests.worker import programs

DOMAIN = "test"


@contextmanager
def server(folder: Path, *options: str) -> Iterator[str]:
    """A server in a new process, until the block ends. Gives its URL."""
    command = [sys.executable, "-m", "simpleflow", "server", "--port", "0", "-d", DOMAIN, *options]
    process = nursery.begin(command, folder, _environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(programs.SOURCE), str(programs.ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


class Commands:
    """Runs ``simpleflow`` in a folder, with SWF at ``url``."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self.started: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            **_environment(),
            "AWS_ENDPOINT_URL_SWF": self.url,
            "AWS_ACCESS_KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID", "local"),
            "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY", "local"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "SWF_DOMAIN": DOMAIN,
        }

    def begin(self, *args: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command in a new process group, without waiting."""
        words, found = [*nursery.STRICT, *args], {**self.environment, **environment}
        process = nursery.begin(words, self.path, found, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.started.append(process)
        return process

    def run(self, *args: str, seconds: float = 60, **environment: str) -> Done:
        """Run a command and wait for its end."""
        found = {**self.environment, **environment}
        done = nursery.run(list(args), self.path, found, seconds=seconds, as_module=True)
        return Done(done.code, done.out, unstamped(done.err))

    def start(self, target: str, *args: str) -> list[str]:
        """Start an execution and return its workflow id and run id."""
        done = self.run("workflow.start", target, *args)
        assert done.code == 0, done.err
        return done.out.split()

    @functools.cached_property
    def client(self) -> Any:
        """A boto3 client of the server, for this process. It is patient: a server in test mode drops answers."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "swf",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"mode": "standard", "total_max_attempts": 10}),
        )

    def events(self, workflow_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the history of an execution."""
        pages = self.client.get_paginator("get_workflow_execution_history").paginate(
            domain=DOMAIN, execution={"workflowId": workflow_id, "runId": run_id}
        )
        return [event for page in pages for event in page["events"]]

    def kinds(self, workflow_id: str, run_id: str) -> list[str]:
        """Return the types of the events of an execution."""
        return [event["eventType"] for event in self.events(workflow_id, run_id)]

    def wait_for_end(self, workflow_id: str, run_id: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until the execution has closed, and return its last event."""

        def ended() -> bool:
            found = self.client.describe_workflow_execution(
                domain=DOMAIN, execution={"workflowId": workflow_id, "runId": run_id}
            )
            return bool(found["executionInfo"]["executionStatus"] == "CLOSED")

        wait_for(ended, "the end of the execution", seconds)
        return self.events(workflow_id, run_id)[-1]

    @property
    def log(self) -> list[str]:
        """The lines that activities have written to the file ``log``."""
        return programs.lines(self.path / "log")

    def pids(self, word: str) -> list[int]:
        """Return the process ids of the processes that began the activity ``word``."""
        return [int(line.split()[-1]) for line in self.log if line.startswith(f"begun {word} ")]

    def close(self) -> None:
        """Stop the commands that still run."""
        if "client" in self.__dict__:
            self.client.close()
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(3)
                except subprocess.TimeoutExpired:
                    programs.kill(process)
                process.communicate()
