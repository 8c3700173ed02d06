"""The checks that SWF makes on every request, built from botocore's model of the service.

botocore itself checks only types and minimum lengths. A request that passes there may still be refused by the service.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from simpleflow.constants import INSTALL_BOTO3, YEAR
from simpleflow.exceptions import InputError
from simpleflow.server import faults
from simpleflow.shown_text import with_article

Check = Callable[[Any, str, list[str]], None]
"""Called with a value, its path and a list, to which it appends the problems. Raises Fault for a wrong type."""

_UNSUPPORTED = {"ListTagsForResource", "TagResource", "UntagResource"}

_NAMES = {
    "PollForActivityTaskInput": ("taskList",),
    "PollForDecisionTaskInput": ("taskList",),
    "RegisterActivityTypeInput": ("name", "version"),
    "RegisterDomainInput": ("name",),
    "RegisterWorkflowTypeInput": ("name", "version"),
    "ScheduleActivityTaskDecisionAttributes": ("activityId", "taskList"),
    "StartChildWorkflowExecutionDecisionAttributes": ("workflowId", "taskList"),
    "StartTimerDecisionAttributes": ("timerId",),
    "StartWorkflowExecutionInput": ("domain", "workflowId", "taskList"),
}
"""Members without characters that would end a name inside an ARN. Only the model's documentation says so."""

_TRIMMED = {
    ("PollForActivityTaskInput", "taskList"),
    ("RegisterDomainInput", "name"),
    ("StartChildWorkflowExecutionDecisionAttributes", "taskList"),
}
"""Members that must not begin or end with white space. Only the model's documentation says so."""

_FORBIDDEN = re.compile("[:/|\x00-\x1f\x7f-\x9f]")
_DIGITS = re.compile(r"\d{1,8}", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,10}", re.ASCII)
_LONGEST_RETENTION = 90  # days

_NOT_NONE = {
    ("StartTimerDecisionAttributes", "startToFireTimeout"),
    ("StartWorkflowExecutionInput", "executionStartToCloseTimeout"),
    ("StartChildWorkflowExecutionDecisionAttributes", "executionStartToCloseTimeout"),
    ("ContinueAsNewWorkflowExecutionDecisionAttributes", "executionStartToCloseTimeout"),
    ("RegisterWorkflowTypeInput", "defaultExecutionStartToCloseTimeout"),
}
"""Durations that must not be NONE."""


class Model:
    """The operations of SWF, each with the check for its requests."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._shapes = description["shapes"]
        self._built: dict[str, Check] = {}
        self.checks = {
            name: self._check(operation["input"]["shape"])
            for name, operation in description["operations"].items()
            if name not in _UNSUPPORTED
        }

    def check(self, operation: str, request: Any) -> None:
        """Raise Fault if the service would refuse this request in any state."""
        check = self.checks.get(operation)
        if check is None:
            raise faults.unsupported(operation)
        problems: list[str] = []
        check(request, "", problems)
        if problems:
            raise faults.invalid(*problems)

    def _check(self, name: str) -> Check:
        if name not in self._built:
            self._built[name] = lambda value, path, problems: self._built[name](value, path, problems)  # recursion
            self._built[name] = self._build(name, self._shapes[name])
        return self._built[name]

    def _build(self, name: str, shape: dict[str, Any]) -> Check:
        kind = shape["type"]
        if kind == "structure":
            return self._decision() if name == "Decision" else self._structure(name, shape)
        if kind == "list":
            return _list(self._check(shape["member"]["shape"]), shape)
        if kind == "string":
            return _string(name, shape)
        return _number(kind, shape)

    def _structure(self, name: str, shape: dict[str, Any]) -> Check:
        required = shape.get("required", ())
        members = {member: self._check(each["shape"]) for member, each in shape["members"].items()}
        for member in _NAMES.get(name, ()):
            members[member] = _both(members[member], _name(member, (name, member) in _TRIMMED))
        for member in list(members):
            if (name, member) in _NOT_NONE:
                members[member] = _both(members[member], _limited)

        def check(value: Any, path: str, problems: list[str]) -> None:
            if not isinstance(value, dict):
                raise faults.unreadable(f"{path or 'the request'} must be an object")
            missing = [member for member in required if value.get(member) is None]
            problems += [_problem(None, _join(path, member), "Member must not be null") for member in missing]
            for member, found in value.items():
                known = members.get(member)
                if known is not None and found is not None:
                    known(found, _join(path, member), problems)

        return check

    def _decision(self) -> Check:
        """Build the check of a decision. Missing attributes count as an object without members."""
        shape = self._shapes["Decision"]
        plain = self._structure("Decision", shape)
        types = self._shapes[shape["members"]["decisionType"]["shape"]]["enum"]
        attributes = {f"{each[0].lower()}{each[1:]}DecisionAttributes": each for each in types}
        checks = {each: (key, self._check(shape["members"][key]["shape"])) for key, each in attributes.items()}

        def check(value: Any, path: str, problems: list[str]) -> None:
            plain(value, path, problems)
            key, required = checks.get(value.get("decisionType"), ("", None))
            if required is not None and value.get(key) is None:
                required({}, _join(path, key), problems)

        return check


def _join(path: str, member: str) -> str:
    return f"{path}.{member}" if path else member


def _problem(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value if len(str(value)) <= 300 else str(value)[:300] + '...'}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _both(first: Check, second: Check) -> Check:
    def check(value: Any, path: str, problems: list[str]) -> None:
        before = len(problems)
        first(value, path, problems)
        if len(problems) == before:
            second(value, path, problems)

    return check


def _list(member: Check, shape: dict[str, Any]) -> Check:
    least, most = shape.get("min", 0), shape.get("max")

    def check(value: Any, path: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            raise faults.unreadable(f"{path} must be a list")
        _check_length(value, path, problems, least, most)
        for number, each in enumerate(value, 1):
            where = f"{path}.{number}.member"
            if each is None:
                problems.append(_problem(None, where, "Member must not be null"))
            else:
                member(each, where, problems)

    return check


def _string(name: str, shape: dict[str, Any]) -> Check:
    least, most, values = shape.get("min", 0), shape.get("max"), shape.get("enum")
    more = _DURATIONS.get(name)

    def check(value: Any, path: str, problems: list[str]) -> None:
        if not isinstance(value, str):
            raise faults.unreadable(f"{path} must be a string")
        if values is not None and value not in values:
            problems.append(_problem(value, path, f"Member must satisfy enum value set: [{', '.join(values)}]"))
        _check_length(value, path, problems, least, most)
        if more is not None and value:
            more(value, path, problems)

    return check


def _check_length(value: Any, path: str, problems: list[str], least: int, most: int | None) -> None:
    if len(value) < least:
        problems.append(_problem(value, path, f"Member must have length greater than or equal to {least}"))
    if most is not None and len(value) > most:
        problems.append(_problem(value, path, f"Member must have length less than or equal to {most}"))


def _number(kind: str, shape: dict[str, Any]) -> Check:
    least, most = shape.get("min"), shape.get("max")

    def check(value: Any, path: str, problems: list[str]) -> None:
        right = isinstance(value, bool) if kind == "boolean" else isinstance(value, int | float)
        if not right or (kind in ("integer", "long") and not _whole(value)):
            raise faults.unreadable(f"{path} must be {with_article(kind)}")
        if least is not None and value < least:
            problems.append(_problem(value, path, f"Member must have value greater than or equal to {least}"))
        if most is not None and value > most:
            problems.append(_problem(value, path, f"Member must have value less than or equal to {most}"))

    return check


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _name(member: str, trimmed: bool) -> Check:
    def check(value: Any, path: str, problems: list[str]) -> None:
        if isinstance(value, dict):  # a task list
            value, path = value["name"], _join(path, "name")
        if _FORBIDDEN.search(value) or value == "arn":
            rule = "Member must not contain ':', '/', '|' or control characters, nor be the string 'arn'"
            problems.append(_problem(value, path, rule))
        if trimmed and value != value.strip():
            problems.append(_problem(value, path, "Member must not start or end with whitespace"))

    return check


def _duration(value: str, path: str, problems: list[str]) -> None:
    if value != "NONE" and not _DIGITS.fullmatch(value):
        problems.append(_problem(value, path, "Member must be a whole number of 0 or more, or NONE"))


def _days(value: str, path: str, problems: list[str]) -> None:
    _duration(value, path, problems)
    if _DIGITS.fullmatch(value) and int(value) > _LONGEST_RETENTION:
        problems.append(_problem(value, path, f"Member must have value less than or equal to {_LONGEST_RETENTION}"))


def _limited(value: str, path: str, problems: list[str]) -> None:
    if value == "NONE" or (value and int(value) > YEAR):
        problems.append(_problem(value, path, f"Member must be a whole number, at most {YEAR}"))


def _priority(value: str, path: str, problems: list[str]) -> None:
    if not _INTEGER.fullmatch(value) or not -(2**31) <= int(value) < 2**31:
        problems.append(_problem(value, path, "Member must be an integer of 32 bits"))


_DURATIONS: dict[str, Check] = {
    "DurationInDays": _days,
    "DurationInSeconds": _duration,
    "DurationInSecondsOptional": _duration,
    "TaskPriority": _priority,
}


@cache
def load() -> Model:
    """Return the model. Raises InputError if botocore is not installed."""
    try:
        from botocore.loaders import Loader
    except ImportError as error:
        raise InputError(
            f"the local server reads Amazon SWF's service model from botocore, which is not installed: {INSTALL_BOTO3}"
        ) from error
    return Model(Loader().load_service_model("swf", "service-2"))
