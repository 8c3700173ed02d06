"""Settings: their sources and their values."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from simpleflow import settings
from simpleflow.exceptions import InputError

DEFAULTS = {
    "SIMPLEFLOW_S3_HOST": "s3.amazonaws.com",
    "SIMPLEFLOW_S3_SSE": False,
    "SIMPLEFLOW_STEP_CLAIMS": None,
    "SIMPLEFLOW_STEP_CHANGES": None,
    "STEP_BUCKET": "step_bucket",
    "SIMPLEFLOW_STATE": ".simpleflow",
    "SIMPLEFLOW_ON_FAILURE": None,
    "SIMPLEFLOW_ON_SUCCESS": None,
    "SIMPLEFLOW_ON_END_TIMEOUT": 60,
    "SIMPLEFLOW_REPORT": None,
    "SIMPLEFLOW_ESTIMATE_FROM": 60,
    "SIMPLEFLOW_KEEP_RUNS": None,
    "SIMPLEFLOW_KEEP_DAYS": None,
    "WORKFLOW_DEFAULT_TASK_LIST": "default",
    "WORKFLOW_DEFAULT_VERSION": "default",
    "WORKFLOW_DEFAULT_EXECUTION_TIME": 31536000,
    "WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT": 300,
    "ACTIVITY_DEFAULT_TASK_LIST": "default",
    "ACTIVITY_DEFAULT_VERSION": "default",
    "ACTIVITY_DEFAULT_TIMEOUT": None,
    "ACTIVITY_START_TO_CLOSE_TIMEOUT": None,
    "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT": None,
    "ACTIVITY_SCHEDULE_TO_START_TIMEOUT": None,
    "ACTIVITY_HEARTBEAT_TIMEOUT": 300,
    "ACTIVITY_SIGTERM_WAIT_SEC": 3,
    "SIMPLEFLOW_JUMBO_FIELDS_BUCKET": None,
    "SIMPLEFLOW_ACTIVITY_MODULES": None,
    "SIMPLEFLOW_IDENTITY": None,
    "SWF_CONNECTION_RETRIES": 5,
    "SWF_DECISION_LIMIT": 30,
    "SIMPLEFLOW_MAX_TASKS_PER_WORKER": 0,
    "SIMPLEFLOW_LOG_BYTES": 10_000_000,
    "SIMPLEFLOW_STEP_RETRY_SECONDS": 600,
    "SIMPLEFLOW_WORKERS": None,
    "SWF_DOMAIN": None,
    "SWF_MAX_OPEN_ACTIVITY_COUNT": 1000,
}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the settings module. Tests write it before they read the first setting."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SIMPLEFLOW_SETTINGS_MODULE", "my_settings")
    monkeypatch.delitem(sys.modules, "my_settings", raising=False)
    return tmp_path / "my_settings.py"


def test_defaults() -> None:
    described = settings.describe()
    assert {name: value for name, value, _ in described} == DEFAULTS
    assert [name for name, _, _ in described] == sorted(DEFAULTS) == list(settings.NAMES)
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert not any(settings.is_set(name) for name in DEFAULTS)
    assert set(DEFAULTS) <= set(dir(settings))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        *[("SIMPLEFLOW_S3_SSE", text, True) for text in ("1", "true", "True", "YES", "on", " on ")],
        *[("SIMPLEFLOW_S3_SSE", text, False) for text in ("0", "false", "No", "off", "")],
        ("ACTIVITY_DEFAULT_TIMEOUT", "60", 60),
        ("ACTIVITY_DEFAULT_TIMEOUT", " 0 ", 0),
        ("ACTIVITY_DEFAULT_TIMEOUT", "NONE", None),
        ("ACTIVITY_HEARTBEAT_TIMEOUT", " none ", None),
        ("STEP_BUCKET", "mine", "mine"),
        ("STEP_BUCKET", "", "step_bucket"),
        ("SIMPLEFLOW_S3_HOST", "", "s3.amazonaws.com"),
        ("SWF_DOMAIN", "production", "production"),
        ("WORKFLOW_DEFAULT_VERSION", "1.0", "1.0"),
    ],
)
def test_environment(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(settings, name) == value
    given = text != "" or name == "SIMPLEFLOW_S3_SSE"
    assert settings.is_set(name) is given
    assert (name, value, "environment" if given else "default") in settings.describe()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("SIMPLEFLOW_S3_SSE", "maybe", "expected 1, true, yes or on"),
        ("SIMPLEFLOW_S3_SSE", "2", "expected 1, true, yes or on"),
        *[
            ("ACTIVITY_HEARTBEAT_TIMEOUT", text, "a whole number of seconds, 0 or more, or NONE for no limit")
            for text in ("", "5m", "-1", "1.5", "²")
        ],
        ("WORKFLOW_DEFAULT_EXECUTION_TIME", "NONE", "a whole number of seconds, 0 or more$"),
        ("WORKFLOW_DEFAULT_EXECUTION_TIME", "9" * 30, "a whole number of seconds, at most 99999999$"),
        ("SIMPLEFLOW_LOG_BYTES", "9" * 30, "a whole number, at most 999999999999999$"),
    ],
)
def test_values_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(InputError, match=rf"^{name} is '{text}': .*{expected}"):
        getattr(settings, name)
    with pytest.raises(InputError, match=name):
        settings.describe()


def test_the_default_timeout_limits_the_work_and_not_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_DEFAULT_TIMEOUT", "7")
    assert (settings.ACTIVITY_START_TO_CLOSE_TIMEOUT, settings.ACTIVITY_HEARTBEAT_TIMEOUT) == (7, 300)
    assert settings.ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT is settings.ACTIVITY_SCHEDULE_TO_START_TIMEOUT is None
    assert ("ACTIVITY_START_TO_CLOSE_TIMEOUT", 7, "ACTIVITY_DEFAULT_TIMEOUT") in settings.describe()
    assert not settings.is_set("ACTIVITY_START_TO_CLOSE_TIMEOUT")
    monkeypatch.setenv("ACTIVITY_START_TO_CLOSE_TIMEOUT", "NONE")
    assert settings.ACTIVITY_START_TO_CLOSE_TIMEOUT is None


def test_the_environment_wins_over_the_module(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module.write_text(
        "STEP_BUCKET = 'module'\nSIMPLEFLOW_S3_SSE = True\nSWF_DOMAIN = None\nACTIVITY_DEFAULT_TIMEOUT = 5"
    )
    assert settings.STEP_BUCKET == "module"
    assert settings.SIMPLEFLOW_S3_SSE is True
    assert settings.ACTIVITY_DEFAULT_TIMEOUT == 5
    assert settings.is_set("STEP_BUCKET")
    assert not settings.is_set("SWF_DOMAIN")
    assert ("STEP_BUCKET", "module", "my_settings") in settings.describe()
    monkeypatch.setenv("STEP_BUCKET", "environment")
    assert settings.STEP_BUCKET == "environment"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("STEP_BUCKET = 12", "STEP_BUCKET"),
        ("ACTIVITY_DEFAULT_TIMEOUT = True", "ACTIVITY_DEFAULT_TIMEOUT"),
        ("ACTIVITY_DEFAULT_TIMEOUT = 1.5", "ACTIVITY_DEFAULT_TIMEOUT"),
        ("SIMPLEFLOW_S3_SSE = []", "SIMPLEFLOW_S3_SSE"),
    ],
)
def test_wrong_types_in_the_module(module: Path, line: str, name: str) -> None:
    module.write_text(line)
    with pytest.raises(InputError, match=f"{name} is .*expected"):
        getattr(settings, name)


@pytest.mark.parametrize("text", [None, "raise RuntimeError('no')", "not python"])
def test_a_module_that_cannot_be_imported(module: Path, text: str | None) -> None:
    if text is not None:
        module.write_text(text)
    with pytest.raises(InputError, match="'my_settings', named by SIMPLEFLOW_SETTINGS_MODULE") as caught:
        settings.STEP_BUCKET
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="STEP_BUKET"):
        settings.STEP_BUKET  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="'STEP_BUKET' is not a setting"):
        settings.is_set("STEP_BUKET")
