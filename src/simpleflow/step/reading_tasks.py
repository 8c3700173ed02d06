"""The activity that looks at what the verdicts on several steps depend on, all at once: marks, files and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from simpleflow import stores, values
from simpleflow.constants import HOUR
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import input_files, mark
from simpleflow.step.fingerprints import BY_CONTENT, FileState
from simpleflow.step.marks_task import MarksTask

_AT_ONCE = 64  # marks that are read in one call of the store


class Wanted(NamedTuple):
    """The mark, files and outputs to read for a step."""

    step: str
    mark: bool  # its mark, too
    patterns: Sequence[Sequence[str]]  # of files, each with how they are compared: ``Fingerprint.patterns``
    outputs: Sequence[str]


class ReadStepsTask(MarksTask):
    """Read the marks and the files of steps, and find out which of their outputs exist.

    Returns an object by the keys of ``wanted``: ``{"mark", "files", "missing"}``. ``mark`` is ``{"fingerprint",
    "made_with"}``, or None if there is none or none is wanted; ``files`` the state of the files of each
    pattern; ``missing`` the outputs that do not exist. Where a pattern matches no file, it is ``{"error": text}``. The
    result is without the last keys if it would be too long for a field.

    Args:
        wanted: by any key, the fields of ``Wanted``.
    """

    # The contents of large files take long to read.
    params: ClassVar[dict[str, Any]] = {
        "start_to_close_timeout": 4 * HOUR,
        "schedule_to_close_timeout": 8 * HOUR,
    }

    def __init__(self, bucket: str, path: str, wanted: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(bucket, path)
        self.wanted = {key: Wanted(*each) for key, each in wanted.items()}
        self.read_files: Callable[..., list[FileState]] = input_files.read  # a dry run sets another function

    @staticmethod
    def is_quick(bucket: str, *rest: Any) -> bool:
        wanted = [Wanted(*each) for each in rest[1].values()]
        reads_content = any(by == BY_CONTENT for each in wanted for _, by in each.patterns)
        return stores.is_local(bucket) and not (
            reads_content or any(input_files.are_remote(each.outputs) for each in wanted)
        )

    def execute(self) -> dict[str, Any]:
        wanted = self.wanted
        marks = self.store.read(self.path, dict.fromkeys(each.step for each in wanted.values() if each.mark))
        missing = set(input_files.missing([output for each in wanted.values() for output in each.outputs]))
        found: dict[str, Any] = {}
        room = self.room()
        for key, each in wanted.items():
            try:
                files = self.read_files(each.patterns, each.step)
            except InputError as error:
                read: dict[str, Any] = {"error": str(error)}
            else:
                stored = marks.get(each.step) if each.mark else None
                read = {
                    "mark": None if stored is None else _inputs(each.step, stored.body),
                    "files": files,
                    "missing": [output for output in each.outputs if output in missing],
                }
            room -= len(key) + len(values.encode(read, "a reading")) + 10
            if room < 0 and found:
                break
            found[key] = read
        return found


class ReadMarksTask(MarksTask):
    """Read the marks of several steps: ``{"found": {step: ...}, "ahead": {step: ...}}``.

    ``found`` holds for the ``steps`` what ``GetStepMarkTask`` returns, and ``ahead`` the same for others; both without
    those that do not fit into the result any more. The first one is always there.

    Args:
        steps: whose marks are needed now.
        ahead: whose marks may be needed soon: as many of them are read as fit.
    """

    params: ClassVar[dict[str, Any]] = {"start_to_close_timeout": 600, "schedule_to_close_timeout": 4 * HOUR + 600}

    def __init__(self, bucket: str, path: str, steps: Sequence[str], ahead: Sequence[str] = ()) -> None:
        super().__init__(bucket, path)
        self.steps = steps
        self.ahead = ahead

    def execute(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        ahead: dict[str, Any] = {}
        room = self.room()
        for wanted, result in ((self.steps, found), (self.ahead, ahead)):
            for step, read in self._read(wanted):
                room -= len(values.encode({step: read}, "a mark")) + 2
                if room < 0 and found:
                    return {"found": found, "ahead": ahead}
                result[step] = read
        return {"found": found, "ahead": ahead}

    def _read(self, steps: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
        for begin in range(0, len(steps), _AT_ONCE):
            names = steps[begin : begin + _AT_ONCE]
            marks = self.store.read(self.path, names)
            for name in names:
                stored = marks.get(name)
                yield name, None if stored is None else content_of(name, stored.body)


def content_of(step: str, body: bytes) -> dict[str, Any]:
    """The result of ``GetStepMarkTask`` for a mark with this content."""
    found = mark.read(step, body)
    why = found.problem or found.not_kept or ("it was marked by hand" if found.by_hand else None)
    return {
        "fingerprint": found.fingerprint,
        "run_id": found.run_id,
        "kept": found.kept,
        "result": found.result,
        "why": None if found.kept else why,
        "made_with": None if found.made_with is None else found.made_with.to_json(),
    } | _parts(found)


def _inputs(step: str, body: bytes) -> dict[str, Any]:
    found = mark.read(step, body)
    made_with = None if found.made_with is None else found.made_with.to_json()
    return {"fingerprint": found.fingerprint, "made_with": made_with} | _parts(found)


def _parts(found: mark.Mark) -> dict[str, Any]:
    """What a mark tells of the steps inside, as far as there are any."""
    inside = {"parts": found.parts, "children": found.children}
    return {key: each for key, each in inside.items() if each}
