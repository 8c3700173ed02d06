"""Durations in seconds, limits of the service (SWF's documented quotas), reserved names, variables, and the version."""

import importlib
from collections.abc import Callable
from typing import Any

RELEASE = "1.0.0a1"
"""The version of simpleflow."""

AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
)
"""The environment variables that every client of boto3 reads when it is built. If one changes, a new one is needed."""

INSTALL_BOTO3 = "pip install 'boto3>=1.35.2,<2'"
INSTALL_DASK = "pip install 'distributed>=2026.1,<2027'"
INSTALL_UI = "pip install 'jinja2>=3.1.2,<4' 'starlette>=0.40,<2' 'uvicorn>=0.30,<1'"
"""The commands for what Amazon SWF and S3, a cluster and the page need. An extra of simpleflow would install another
library: the one that the package index knows by this name."""

INSTALL_OBSTORE = "pip install 'obstore>=0.12,<1'"

OVERLOOKED = "*"
"""The name that stands for tasks of an execution that failed without any code asking about it; no step has it."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY

MAX_ID_LENGTH = 256
"""Characters of an activity id, workflow id, timer id, marker name, signal name, or identity of a worker or decider."""

MAX_VERSION_LENGTH = 64
"""Characters of the version of an activity type or workflow type."""

MAX_REASON_LENGTH = 256
"""Characters of the reason of a failure."""

MAX_FIELD_LENGTH = 32_768
"""Characters of an input, a result, details or a control."""

MAX_HEARTBEAT_LENGTH = 2_048
"""Characters of the details of a heartbeat."""

MAX_JUMBO_LENGTH = 5 * 2**20
"""Characters of a text that is kept in an object store because it is too long for a field (a jumbo field)."""

MAX_EVENTS = 25_000
"""Events of one execution. The service terminates an execution that has more."""

MAX_DECISIONS = 100
"""Decisions in one answer to a decision task."""

MAX_ANSWER_BYTES = 900_000
"""Bytes of one answer to a decision task. A request may hold 1 MB; the rest is left for its envelope."""

MAX_OPEN_ACTIVITIES = 1_000
"""Open activity tasks of one execution."""

RESERVED_TIMER = "_simpleflow_"
"""Prefix of the ids of timers that the library starts. Users' timers have other ids."""

WAKE_UP_TIMER = "_simpleflow_wake_up_timer"
"""Id of a timer of 0 seconds. It causes another decision task when one answer cannot hold all decisions."""

RETRY_TIMER = "_simpleflow_retry_"
"""Beginning of the ids of timers before the next try of a task."""

STORE_TIMER = "_simpleflow_store_"
"""Beginning of the ids of timers before the next try of an activity about marks, while the store does not work."""

SAME_SIGNAL_SECONDS = 0.25
"""For so long after SIGTERM or SIGINT, the same signal is taken for the first one: ``timeout`` and other programs that
start commands send it to the command and to its process group."""

RETURN_SIGNAL = "_simpleflow_return"
"""Name of the signal that lets a run end whose ``run`` has returned, while its children only wait for signals."""

DONE_ELSEWHERE_SIGNAL = "_simpleflow_done_elsewhere"
"""Name of the signal to a run whose process has died, and that goes on: another run has done one of its steps."""

MOST_WORKERS = 100_000
"""Activities that one process lets run at the same time, at most. No machine has room for so many."""

MOST_SECONDS = 99_999_999
"""Seconds of a time-out or a timer, at most: Amazon SWF takes eight digits."""

RESERVED = "__simpleflow_"
"""Prefix of the keys in an execution's input that hold simpleflow's own values rather than arguments."""

KEEP_GOING = RESERVED + "keep_going"
"""Key of an execution's input: a failure that fails the run lets what is under way and does not need it finish."""

JUMBO_SCHEME = "simpleflow+s3://"
"""Beginning of a field that names the object which holds its text, because the text is too long for the field."""

STEP_MARKER = "log.step"
"""Name of the markers that say what becomes of steps."""

PACKED_MARKER = "log.steps"
"""Name of a marker that stands for several of STEP_MARKER, where the number of events is limited."""

FAULT_MARKER = "log.step.fault"
"""Name of the marker of a fault of the workflow, such as two different works of one name; ``text`` says what it is."""

STOPPED_MARKER = "log.step.stopped"
"""Name of the marker with which a run stops before its end, since it has reached what it was to reach."""

NOTICE_MARKER = "log.step.notice"
"""Name of the marker of something else that people should know of; ``text`` says what it is."""

UNKNOWN = RESERVED + "unknown__"
"""Key of the JSON object that stands for an unknown result in a plan (see ``simpleflow.steering.unknown``)."""

WORKER_STOPPED = "worker stopped"
"""Reason of the failure of an activity that was given up since its worker had to stop."""

RECONNECT_SECONDS = 60.0
"""For how long a run waits for the scheduler of a cluster that was lost, by default."""


def existing_names(module: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that has more names in the existing library, see ``compat.names``."""

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return importlib.import_module("simpleflow.compat.names").find(module, name)

    return find


__getattr__ = existing_names(__name__)
