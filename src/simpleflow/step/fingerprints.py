"""Ready-made parts of fingerprints: ``ARGUMENTS``, ``CODE`` and ``files(...)``.

``Step(fingerprint=[ARGUMENTS, CODE, files("data/*.csv"), value])``: the step is done only if none of these has changed
since its mark was written. The mark keeps each part, so that the reason names those that have.

Arguments and code are known where the workflow is evaluated. Files are read by an activity (``input_files``), whose
result is in the history: a verdict is a function of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from simpleflow import values
from simpleflow.base import Call
from simpleflow.constants import UNKNOWN
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import changes
from simpleflow.step.constants import INPUTS_CHANGED
from simpleflow.step.made_with import MadeWith, is_digest

Outputs = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None
"""The values that ``Step`` takes as outputs."""

_MAX_PART = 4_096  # characters; of longer parts, the digest is kept
_SHOWN = 3  # differences that are named

MAX_WHOLE = 8_000
"""The same for the whole fingerprint, which a marker holds: in there, each of its quotes takes two characters."""

MAX_BESIDE_RESULT = 1_000
"""The same where the mark also keeps a result: both have to fit into a field."""

BY_MTIME, BY_CONTENT = "mtime", "content"

FileState = Mapping[str, str] | str
"""The state of the files of one pattern: by path, a text that tells changes; or one text for all, see ``as_one``."""

NO_FILE = "no file"
"""The state of a pattern that matches no file, in a plan: another step may be about to write the files."""


class _Own:
    """A part that the step itself says."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> str:
        return self._name  # a copy is the same object


ARGUMENTS = _Own("ARGUMENTS")
"""The arguments of the step's activities."""

CODE = _Own("CODE")
"""The code of the step's activities."""


class Files:
    """Files that a step reads. ``files`` makes it."""

    def __init__(self, patterns: tuple[str, ...], by: str) -> None:
        self.patterns = patterns
        self.by = by  # BY_MTIME or BY_CONTENT

    def __repr__(self) -> str:
        return f"files({', '.join(map(repr, self.patterns))}, by={self.by!r})"


def files(*patterns: str | os.PathLike[str], by: str = BY_MTIME) -> Files:
    """The files that match these patterns, as a part of a fingerprint.

    Args:
        patterns: paths, absolute or relative to the working folder of the worker; ``*``, ``?``, ``[...]`` and ``**``
            have the meaning that they have for ``glob``. Each has to match a file when the step is looked at.
        by: ``"mtime"``: sizes and times of modification; ``"content"``: digests of the contents.

    Raises InputError.
    """
    given = tuple(_path(each, "files(...)") for each in patterns)
    if not given:
        raise InputError("files() names no files; expected paths or patterns such as 'data/*.csv'")
    for each in given:
        if "://" in each:
            raise InputError(f"files(...) holds {each!r}; expected paths of files, not objects of a bucket")
    if by not in (BY_MTIME, BY_CONTENT):
        raise InputError(f"by of files(...) is {by!r}; expected 'mtime' or 'content'")
    return Files(given, by)


def _path(value: object, label: str) -> str:
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str) or not found or "\0" in found:
        raise InputError(f"{label} holds {value!r}; expected a path or pattern such as 'data/*.csv'")
    return found


class Fingerprint(NamedTuple):
    """A fingerprint with ready-made parts."""

    parts: tuple[Any, ...]  # ARGUMENTS, CODE, Files, or the canonical JSON of a value

    @property
    def patterns(self) -> list[tuple[str, str]]:
        """The patterns of all files, each with how it is compared."""
        return [(pattern, part.by) for part in self.parts if isinstance(part, Files) for pattern in part.patterns]

    def text(self, made_with: MadeWith, found: Sequence[FileState], longest: int = MAX_WHOLE) -> str:
        """The fingerprint as JSON text.

        Args:
            made_with: the inputs of the step.
            found: the state of the files of each of ``patterns``.
            longest: characters; instead of a longer text, its digest is returned.
        """
        states = iter(found)
        parts: list[Any] = []
        for part in self.parts:
            if part is ARGUMENTS:
                parts.append({"arguments": _content(made_with.arguments)})
            elif part is CODE:
                parts.append({"code": made_with.activities})
            elif isinstance(part, Files):
                parts.append({"files": {pattern: next(states, {}) for pattern in part.patterns}})
            else:
                parts.append({"value": values.decode(part)})
        text = values.canonical([_shortened(part) for part in parts], "fingerprint")
        return text if len(text) <= longest or UNKNOWN in text else f"sha256:{values.digest(text)}"


def ready_made(value: Any, label: str) -> Fingerprint | None:
    """The fingerprint if ``value`` holds ready-made parts, else None. Raises NotEncodable, naming ``label``."""
    given = list(value) if type(value) in (list, tuple) else [value]
    if not any(isinstance(each, _Own | Files) for each in given):
        return None
    parts = tuple(each if isinstance(each, _Own | Files) else values.canonical(each, label) for each in given)
    return Fingerprint(parts)


def differences(before: str | None, now: str, made_with: MadeWith, calls: Sequence[Call]) -> list[str]:
    """The reasons for which a step with the fingerprint ``now`` runs, whose mark has another one."""
    old, new = _parts(before), _parts(now)
    if old is None or new is None or len(old) != len(new):
        return [INPUTS_CHANGED]
    found: list[str] = []
    for one, other in zip(old, new, strict=True):
        if one != other:
            found += _difference(one, other, made_with, calls)
    return [f"{INPUTS_CHANGED}: {each}" for each in found] or [INPUTS_CHANGED]


def _difference(old: Any, new: Any, made_with: MadeWith, calls: Sequence[Call]) -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys()):
        return ["another kind of fingerprint"]
    if "arguments" in new:
        if UNKNOWN in json.dumps(new):
            return []
        before = made_with._replace(arguments=_text(old["arguments"]))
        compared = changes.compare(before, made_with, calls)
        if compared is None or compared.arguments is None:
            return []  # the same call, written in another way
        return [f"arguments {compared.arguments.reason}".rstrip()]
    if "code" in new:
        if not isinstance(old["code"], dict) or not isinstance(new["code"], dict):
            return ["code"]
        compared = changes.compare(made_with._replace(activities=old["code"]), made_with, calls)
        return [f"code of {compared.code.reason}" if compared and compared.code and compared.code.reason else "code"]
    if "files" in new:
        return [_files(old["files"], new["files"])]
    return [f"value {changes.show(old['value'])} -> {changes.show(new['value'])}"] if "value" in new else ["a value"]


def _files(old: Any, new: Any) -> str:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return "files"
    texts: list[str] = []
    before: dict[str, str] = {}
    now: dict[str, str] = {}
    for pattern in dict.fromkeys([*old, *new]):
        one, other = old.get(pattern, {}), new.get(pattern, {})
        if other == NO_FILE:
            texts.append(f"no file matches {pattern}")
        elif isinstance(one, dict) and isinstance(other, dict):
            before |= one
            now |= other
        elif one != other:
            texts.append(f"{pattern} ({_count(other)})")
    for path in sorted({*before, *now}):
        if path not in before or path not in now:
            texts.append(f"{path} is {'gone' if path in before else 'new'}")
        elif before[path] != now[path]:
            texts.append(path)
    shown = ", ".join(texts[:_SHOWN])
    return (shown if len(texts) <= _SHOWN else f"{shown} and {len(texts) - _SHOWN} more") or "files"


def as_one(states: Mapping[str, str]) -> str:
    """The state of many files as one."""
    lines = "\n".join(f"{path}\0{state}" for path, state in states.items())
    return f"{len(states)} files: {values.digest(lines)[:32]}"


def _count(state: FileState) -> str:
    number = str(len(state)) if isinstance(state, Mapping) else state.partition(" ")[0]
    return f"{number} file{'' if number == '1' else 's'}"


def _parts(text: str | None) -> list[Any] | None:
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _content(arguments: str) -> Any:
    return arguments if is_digest(arguments) else json.loads(arguments)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _shortened(part: dict[str, Any]) -> dict[str, Any]:
    if len(text := values.canonical(part, "fingerprint")) <= _MAX_PART or UNKNOWN in text:
        return part
    [(kind, content)] = part.items()
    if kind == "files":  # which pattern has changed can still be told
        part = {kind: {pattern: each if isinstance(each, str) else as_one(each) for pattern, each in content.items()}}
        if len(values.canonical(part, "fingerprint")) <= _MAX_PART:
            return part
    return {kind: f"sha256:{values.digest(values.canonical(content, 'fingerprint'))}"}


def check_outputs(outputs: Outputs, label: str) -> list[str]:
    """The outputs of a step, each a path or ``s3://bucket/key``. Raises InputError, naming ``label``."""
    if isinstance(outputs, bytes | Mapping) or not isinstance(outputs, Iterable | os.PathLike):
        raise InputError(f"{label} is {outputs!r}; expected paths, or texts such as 's3://bucket/key'")
    given = [_path(each, label) for each in ([outputs] if isinstance(outputs, str | os.PathLike) else outputs)]
    for each in given:
        if "://" in each and bucket_and_key(each) is None:
            raise InputError(f"{label} holds {each!r}; expected a path, s3://bucket/key or http://host/bucket/key")
    # The order of a set differs from process to process, and what was looked at is found again by it.
    return sorted(given) if isinstance(outputs, Set) else list(dict.fromkeys(given))


def bucket_and_key(output: str) -> tuple[str, str] | None:
    """The bucket string and the key of an output that is an object; None for a path and for any other text."""
    scheme, separator, rest = output.partition("://")
    host = ""
    if separator and scheme in ("http", "https"):
        host, _, rest = rest.partition("/")
    bucket, _, key = rest.partition("/")
    if not separator or scheme not in ("s3", "http", "https") or not bucket or not key:
        return None
    return f"{scheme}://{host}/{bucket}" if host else f"{scheme}://{bucket}", key
