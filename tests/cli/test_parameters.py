"""``-p NAME=VALUE``: values reach ``run`` as its annotations say, and what does not fit is refused in one line."""

from __future__ import annotations

import enum
import json
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union
from uuid import UUID

import pytest

from simpleflow import Workflow, activity
from simpleflow.cli import main, parameters
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from simpleflow.step import WorkflowStepMixin

TARGET = "tests.cli.test_parameters:"


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Mixed(enum.Enum):
    ONE = 1
    AUTO = "auto"


class Shape(enum.Enum):
    WIDE = (16, 9)
    SINCE = date(2026, 1, 1)


@dataclass
class Limits:
    rows: int
    since: date = date(2026, 1, 1)
    out: Path | None = None
    names: list[str] = field(default_factory=list)


@dataclass
class Job:
    limits: Limits
    levels: dict[str, Level] = field(default_factory=dict)
    others: list[Limits] | None = None


@dataclass(frozen=True)
class Picture:
    mode: Mixed
    shape: Shape | None = None
    since: date = date(2026, 1, 1)
    others: dict[str, list[Mixed]] = field(default_factory=dict)
    by_mode: dict[Mixed, Limits] = field(default_factory=dict)


class Pictures(TypedDict):
    first: Picture
    others: NotRequired[tuple[Mixed, int]]


KINDS: list[tuple[str, Any, Any]] = [
    ("3", int, 3),
    ("-3", int, -3),
    ("123456789012345678901234567890", int, 123456789012345678901234567890),
    ("0.5", float, 0.5),
    ("3", float, 3.0),
    ("true", bool, True),
    ("False", bool, False),
    ("0", bool, False),
    ("2026", str, "2026"),
    ("[1", str, "[1"),
    ("", str, ""),
    ("a=b", str, "a=b"),
    ('"x"', str, '"x"'),
    ("null", Optional[str], "null"),  # noqa: UP045 (this form too)
    ("null", int | None, None),
    ("3", Optional[int], 3),  # noqa: UP045
    ("3", Union[int, str], "3"),  # noqa: UP007
    ("3.5", int | float, 3.5),
    ("2026-11-23", date, date(2026, 11, 23)),
    ("2026-11-23", date | None, date(2026, 11, 23)),
    ("2026-11-23T19:54:17", datetime, datetime(2026, 11, 23, 19, 54, 17)),
    ("2026-11-23 19:54", datetime, datetime(2026, 11, 23, 19, 54)),
    ("2026-11-23", datetime | None, datetime(2026, 11, 23)),
    ("19:54:17", time, time(19, 54, 17)),
    ("PT90S", timedelta, timedelta(seconds=90)),
    ("1.50", Decimal, Decimal("1.50")),
    ("12345678-1234-5678-1234-567812345678", UUID, UUID("12345678-1234-5678-1234-567812345678")),
    ("out/a b", Path, Path("out/a b")),
    ("/out", Path | None, Path("/out")),
    ("[1, 2]", list, [1, 2]),
    ("[1, 2]", list[int], [1, 2]),
    ('["2026-11-23"]', list[date], [date(2026, 11, 23)]),
    ('[1, "a"]', tuple[int, str], (1, "a")),
    ("[1, 1]", set[int], {1}),
    ('["a"]', str | list[str], ["a"]),
    ("a", str | list[str], "a"),
    ('{"a": 1}', dict, {"a": 1}),
    ('{"1": 2.5}', dict[int, float], {1: 2.5}),
    ("low", Level, Level.LOW),
    ("HIGH", Level, Level.HIGH),
    ("2", Size, Size.LARGE),
    ("SMALL", Size, Size.SMALL),
    ("1", Mixed, Mixed.ONE),
    ("auto", Mixed | None, Mixed.AUTO),
    ('{"mode": 1}', Picture, Picture(Mixed.ONE)),
    ('{"mode": "AUTO", "since": "2026-11-23"}', Picture | None, Picture(Mixed.AUTO, since=date(2026, 11, 23))),
    ('{"mode": 1, "shape": [16, 9]}', Picture, Picture(Mixed.ONE, Shape.WIDE)),
    ('{"mode": 1, "shape": "SINCE"}', Picture, Picture(Mixed.ONE, Shape.SINCE)),
    ('{"mode": 1, "others": {"a": [1, "auto"]}}', Picture, Picture(Mixed.ONE, others={"a": [Mixed.ONE, Mixed.AUTO]})),
    ('{"mode": 1, "by_mode": {"1": {"rows": 2}}}', Picture, Picture(Mixed.ONE, by_mode={Mixed.ONE: Limits(2)})),
    ('[{"mode": 1}]', list[Picture], [Picture(Mixed.ONE)]),
    (
        '{"first": {"mode": 1}, "others": ["auto", 2]}',
        Pictures,
        {"first": Picture(Mixed.ONE), "others": (Mixed.AUTO, 2)},
    ),
    ('["auto", 1]', set[Mixed], {Mixed.ONE, Mixed.AUTO}),
    ('{"a": "WIDE"}', dict[str, Shape], {"a": Shape.WIDE}),
    ("16", Mixed | int, 16),
    ("a", Literal["a", "b"], "a"),
    ("2", Literal[1, 2], 2),
    ('{"rows": 3, "out": "x"}', Limits, Limits(3, out=Path("x"))),
    ('[{"rows": 3}]', list[Limits], [Limits(3)]),
    ('{"limits": {"rows": 3}, "others": [{"rows": 4}]}', Job, Job(Limits(3), others=[Limits(4)])),
    ('{"limits": {"rows": 3}, "levels": {"a": "HIGH"}}', Job | None, Job(Limits(3), {"a": Level.HIGH})),
    ('["LOW", "high"]', list[Level], [Level.LOW, Level.HIGH]),
    ('["2026-11-23", "HIGH"]', tuple[date, Level], (date(2026, 11, 23), Level.HIGH)),
    ("[1, 2]", Optional[list[int]], [1, 2]),  # noqa: UP045
    ("19:54", time, time(19, 54)),
    ("3", Any, 3),
    ("tue", Any, "tue"),
    ("[1]", object, [1]),
    ("x", "Unknown", "x"),  # a name for type checkers alone
    ("x", Path | str, "x"),  # msgspec does not know such a union
]


def workflow(kind: Any) -> type[Workflow]:
    class Typed(Workflow):
        name = "typed"
        seen: Any = None

        def run(self, value: Any) -> None:
            Typed.seen = value

    Typed.run.__annotations__["value"] = kind
    return Typed


@pytest.mark.parametrize(("text", "kind", "value"), KINDS, ids=[f"{text} {kind}" for text, kind, _ in KINDS])
def test_run_receives_a_value_of_the_annotated_type(text: str, kind: Any, value: Any) -> None:
    found: Any = workflow(kind)
    given = parameters.complete_input(found, {"args": [], "kwargs": {}}, [f"value={text}"])
    Executor(found).run(given)
    assert (found.seen, type(found.seen)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x", int, "expected int"),
        ("3.5", int, "expected int"),
        ("", int, "expected int"),
        ("yes", bool, "expected bool"),
        ("x", float, "expected float"),
        ("nan", float, " is not JSON: nan is"),
        ("inf", list[float], "expected list[float] as JSON"),
        ("2026-13-01", date, "expected date, such as 2026-11-23"),
        ("2026", datetime, "expected datetime, such as"),
        ("1,2", list[int], "expected list[int] as JSON, such as [1, 2]"),
        ("a", list[str], 'expected list[str] as JSON, such as ["a"]'),
        ("a", list[date], 'as JSON, such as ["2026-11-23"]'),
        ("a", tuple[int, str], 'expected tuple[int, str] as JSON, such as [1, "a"]'),
        ("[1,", list[int], "is not JSON: expecting value"),
        ('[1, "x"]', list[int], "(Expected `int`, got `str` - at `$[1]`)"),
        ("{}", Limits, "missing required field `rows`"),
        ("mid", Level, "expected one of low, high"),
        ("3", Mixed, "expected one of 1, auto"),
        ("c", Literal["a", "b"], "expected one of a, b"),
        ("x", int | None, "expected int | None"),
        ("[1,", Any, "is not JSON"),
        ("x", Optional[list[int]], "expected list[int] | None as JSON, such as [1, 2]"),  # noqa: UP045
        ("25:00", time | None, "expected time | None, such as 19:54:17"),
        ("1h", timedelta, "expected timedelta, such as PT90S"),
        ("x", Annotated[int, "rows"], "expected int"),
        (
            '{"mode": 2}',
            Picture,
            "expected Picture as JSON with the fields mode, shape, since, others, by_mode (there is",
        ),
        ('{"mode": 2}', Picture, "(there is no such member of Mixed - at `mode`)"),
        ('{"shape": "WIDE"}', Picture, "(Object missing required field `mode`)"),
        ('{"mode": 1, "since": 5}', Picture, "(Expected `date`, got `int` - at `since`)"),
        ('[{"mode": 1}, 5]', list[Picture], "(Expected `object`, got `int` - at 1)"),
        ("[]", Job, "expected Job as JSON with the fields limits, levels, others"),
        ('{"limits": {}}', Job, "missing required field `rows` - at `$.limits`"),
        ('{"limits": {"rwos": 3}}', Job, "Limits has no field 'rwos' (did you mean 'rows'?); it has rows, since"),
        ('{"others": [{"rows": 1, "x": 2}]}', Job | None, "Limits has no field 'x'"),
    ],
)
def test_a_text_that_does_not_fit_is_refused(text: str, kind: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parameters.complete_input(workflow(kind), {"args": [], "kwargs": {}}, [f"value={text}"])
    assert str(caught.value).startswith(f"-p value={text}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@activity.with_attributes()
def told(value: Any) -> Any:
    return value


class Child(Workflow):
    name = "child"

    def run(self, day: str) -> str:
        return f"{type(day).__name__} {day}"


class Monthly(Workflow, WorkflowStepMixin):
    name = "monthly"

    def run(self, day: date, rows: int = 1, *, label="a", **others: int) -> Any:  # type: ignore[no-untyped-def]
        self.submit(self.step(f"load.{day:%d}", (told, day)))
        if rows > 1:
            return self.submit(self.continue_as_new(day.replace(day=rows), rows - 1, label=label))
        child = self.submit(Child, day)
        return [day, rows, label, others, self.submit(told, day).result, child.result]


def test_the_types_go_with_the_execution_that_continues_as_new_and_not_with_children() -> None:
    texts = ["day=2026-11-23", "rows=3", "label=7"]
    given = parameters.complete_input(Monthly, {"args": [], "kwargs": {}}, texts)
    assert Executor(Monthly).run(given) == ["2026-11-02", 1, "7", {}, "2026-11-02", "str 2026-11-02"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    return tmp_path


REFUSED = [
    (["day=2026-11-23", "rows=x"], "-p rows=x: expected int"),
    (["dya=x"], "-p dya=x: expected int"),  # one of the others
    (["rows=3"], "missing a required argument: 'day'"),
    (["day"], "-p 'day' is no parameter; expected NAME=VALUE"),
    (["=3"], "-p '=3' is no parameter"),
    (["day=2026-11-23", "day=2026-11-24"], "parameter 'day' is given twice"),
]


@pytest.mark.parametrize(("texts", "message"), REFUSED)
@pytest.mark.parametrize("command", ["workflow.start --local", "workflow.start --domain d", "step.plan", "step.list"])
def test_nothing_starts_with_a_parameter_that_is_not_valid(
    command: str, texts: list[str], message: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = [word for text in texts for word in ("-p", text)]
    assert main([*command.split(), f"{TARGET}Monthly", *options]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert not list(here.iterdir())


def test_a_parameter_that_run_does_not_have_is_told_with_the_closest(here: Path) -> None:
    with pytest.raises(InputError, match=r"Child.run has no parameter 'dya' \(did you mean 'day'\?\); it has day"):
        parameters.complete_input(Child, {"args": [], "kwargs": {}}, ["dya=3"])


@pytest.mark.parametrize("how", ["-p", "--param"])
def test_parameters_add_to_the_input(how: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start = ["workflow.start", "--local", "--nb-workers", "0", f"{TARGET}Monthly", how, "day=2026-11-23"]
    assert main([*start, "-i", '{"kwargs": {"label": "b"}}', how, "more=2"]) == 0
    day = "2026-11-23"
    assert json.loads(capfd.readouterr().out) == [day, 1, "b", {"more": 2}, day, f"str {day}"]
    assert main(["workflow.restart", "--local", "monthly", "--workflow", f"{TARGET}Monthly"]) == 0
    assert json.loads(capfd.readouterr().out)[0] == day
    assert main([*start, "-i", '{"kwargs": {"day": "b"}}']) == 2
    assert "parameter 'day' is given twice" in capfd.readouterr().err
    assert main([*start, "-i", '["2026-11-23"]']) == 2
    assert "multiple values for argument 'day'" in capfd.readouterr().err


def test_a_plan_takes_parameters(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["step.plan", f"{TARGET}Monthly", "-p", "day=2026-11-23", "--format", "csv"]) == 0
    assert "load.23,run" in capfd.readouterr().out
