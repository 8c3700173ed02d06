"""Reading the input of a workflow from the command line. It is JSON in one of these forms:

    [1, 2]                        positional arguments
    {"args": [1], "kwargs": {}}   positional and keyword arguments; either key may be missing
    12, "text", true, null        one positional argument

Any other object is refused, because it could mean one argument or keyword arguments.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from simpleflow import values
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.workflow import Workflow

_KEYS = {"args", "kwargs"}

_standard_input: list[str] = []  # what was read from it, which can be read once


def standard_input() -> str | None:
    """Return the text that this process has read from standard input; None if it has not read it."""
    return _standard_input[-1] if _standard_input else None


def read_input(text: str | None, file: str | None) -> dict[str, Any]:
    """Read the input from the text of ``--input`` or the file of ``--input-file``; ``-`` is standard input.

    Returns ``{"args": [...], "kwargs": {...}}``. Raises InputError if both are given, if the file cannot be read, or if
    the text is not an input.
    """
    if text is not None and file is not None:
        raise InputError("--input and --input-file exclude each other; give only one of them")
    if text == "-":
        file = "-"
    if file is not None:
        return parse_input(_file_text(file), "standard input" if file == "-" else f"input file {file!r}")
    return {"args": [], "kwargs": {}} if text is None else parse_input(text, "--input")


def given_text(text: str) -> tuple[str, str]:
    """Return the text that ``--input`` gives, which ``-`` reads from standard input, and its name in errors."""
    return (_file_text("-"), "standard input") if text == "-" else (text, "--input")


def parse_input(text: str, what: str) -> dict[str, Any]:
    """Parse the text of an input. ``what`` names the text in errors. Returns and raises as ``read_input`` does."""
    value = parse_json(text, what)
    if isinstance(value, list):
        return {"args": value, "kwargs": {}}
    if not isinstance(value, dict):
        return {"args": [value], "kwargs": {}}
    if value.keys() & _KEYS:
        value = {key: each for key, each in value.items() if key not in values.FOREIGN}
    if not value.keys() <= _KEYS:
        raise InputError(_ambiguity(value, what))
    args, kwargs = value.get("args", []), value.get("kwargs", {})
    if not isinstance(args, list):
        raise InputError(f'{what}: "args" is {_shortened(args)}; expected a list')
    if not isinstance(kwargs, dict):
        raise InputError(f'{what}: "kwargs" is {_shortened(kwargs)}; expected an object')
    return {"args": args, "kwargs": kwargs}


def parse_json(text: str, what: str) -> Any:
    """Parse a JSON text. ``what`` names the text in errors. Raises InputError if it is not JSON."""
    if not text.strip():
        raise InputError(f"{what} is empty; expected JSON such as [1, 2]")
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object_without_duplicates)
    except json.JSONDecodeError as error:
        raise InputError(_not_json(text, what, error)) from error
    except RecursionError as error:
        raise InputError(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise InputError(f"{what} is not JSON: {error}") from error


def check_input(workflow_class: type[Workflow], given: dict[str, Any]) -> None:
    """Raise InputError if the workflow's ``run`` does not accept these arguments.

    Checking early avoids starting a run that can only fail.
    """
    try:
        signature = inspect.signature(workflow_class.run)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None, *given["args"], **given["kwargs"])
    except TypeError as error:
        try:  # annotations that are texts are shown without their quotes
            signature = inspect.signature(workflow_class.run, eval_str=True)
        except Exception:  # noqa: BLE001 (evaluating an annotation may raise anything)
            pass
        takes = inspect.Signature(list(signature.parameters.values())[1:])
        raise InputError(f"the input does not fit {workflow_class.__name__}.run{takes}: {error}") from error


def _file_text(file: str) -> str:
    try:
        if file == "-":
            if sys.stdin is None:
                raise InputError("standard input is closed; expected the input there")
            _standard_input.append(sys.stdin.buffer.read().decode("utf-8-sig"))
            return _standard_input[-1]
        with open(file, "rb") as stream:
            return stream.read().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"input file {file!r} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        what = "standard input" if file == "-" else f"input file {file!r}"
        raise InputError(f"{what} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}") from error


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {_shortened(twice)} appears twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no number {name}")


def _not_json(text: str, what: str, error: json.JSONDecodeError) -> str:
    message = error.msg[:1].lower() + error.msg[1:]
    position = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
    found = text[error.pos : error.pos + 20].split("\n")[0]
    near = f", at {found!r}" if found else ", at its end"
    word = text.strip()
    hint = f"; put a text in quotes: '\"{word}\"'" if word.isidentifier() else ""
    return f"{what} is not JSON: {message} ({position}{near}){hint}"


def _ambiguity(value: dict[str, Any], what: str) -> str:
    unknown = [key for key in value if key not in _KEYS]
    listed = ", ".join(map(_shortened, unknown[:3])) + (" ..." if len(unknown) > 3 else "")
    if len(unknown) < len(value):
        return f'{what} is an object with "args" or "kwargs" and also {listed}; expected these two keys only'
    whole = _shortened(value)
    return (
        f"{what} is an object with the key{'' if len(unknown) == 1 else 's'} {listed}, which may mean two things; "
        f'write {{"kwargs": {whole}}} for keyword arguments, or [{whole}] for one argument'
    )


def _shortened(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else "{...}" if isinstance(value, dict) else text[:57] + "..."
