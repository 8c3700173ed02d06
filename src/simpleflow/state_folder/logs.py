"""The output of activities in a state folder: a file for each attempt, ``logs/RUN_ID/ACTIVITY_ID.ATTEMPT.log``.

Theory of operation
-------------------
An attempt that prints nothing has no file. Attempts are counted from 1, as the history counts the tries of an activity.
But a try whose process died begins again as the same try. So if there is a file of that number, the next free number is
taken: the output of an earlier attempt is never written over, and the highest number is the latest attempt.

A file holds the output, byte by byte: standard output, standard error and the log of the attempt. It takes at most so
many bytes. When there is more, the beginning and the end stay, and a line says how much is missing between them.

Ids may hold anything. In the name of a file, ASCII letters, digits and ``._-~`` stay, and every other byte of the UTF-8
text becomes ``%XX``; so does a dot at the start. Of a name that is too long, the beginning and a digest stay.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable

from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import escaped
from simpleflow.source.source_lines import without_own_frames

FOLDER = "logs"
"""Name of the folder in the state folder."""

LAST_LINES = 10
"""How many lines are shown of a log, where it is not shown as a whole."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_CLOCK_TICK = 0.02  # seconds; times of files are not more exact
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"
_DOT = ord(".")
_OTHER = rb"\A\.|[^A-Za-z0-9._~-]"
_ESCAPED = rb"%([0-9A-F]{2})"
_FILE = r"(?P<name>.+)\.(?P<attempt>[1-9][0-9]{0,8})\.log"
_LONGEST = 200  # characters of a name, without attempt and suffix; a file name may have 255 bytes
_KEPT = 160  # characters that stay of a longer one
_TAIL = 65_536  # bytes that are read to find the last lines


class Log(NamedTuple):
    """The log of one attempt."""

    path: str
    name: str  # of the file without attempt and suffix: ``file_name`` of the activity id
    attempt: int

    @property
    def activity_id(self) -> str:
        """The id of the activity; of a very long one, the beginning."""
        text = re.sub(_ESCAPED, lambda found: bytes.fromhex(found[1].decode()), self.name.encode())
        return text.decode(errors="replace")


def file_name(text: str) -> str:
    """The name of a file or folder for an id, without a suffix."""
    data = text.encode(errors="surrogatepass")
    if 0 < len(data) <= _LONGEST and data[0] != _DOT and not data.translate(None, _PLAIN):  # nearly always
        return text
    name = re.sub(_OTHER, lambda found: b"%%%02X" % ord(found[0]), data).decode() or "%"
    if len(name) <= _LONGEST:
        return name
    import hashlib  # slow to load, and seldom needed

    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return f"{name[:_KEPT]}-{digest}"


def folder_of(state: str | os.PathLike[str], run_id: str) -> str:
    """The folder with the logs of a run."""
    return _folder_of(os.fspath(state), run_id)


@functools.lru_cache(16)
def _folder_of(state: str, run_id: str) -> str:
    return f"{state}/{FOLDER}/{file_name(run_id)}"


def open_log(state: str, run_id: str, activity_id: str, attempt: int, since: float) -> tuple[int, int]:
    """Open the log of an attempt, to append to it; returns its descriptor and size.

    A new file gets the number of the attempt, or the next one that is free. A file that was written after the attempt
    had begun, at ``since`` (epoch seconds), is its own. Only its owner may read it. Raises OSError.
    """
    folder = _folder_of(state, run_id)
    name = file_name(activity_id)
    while True:
        path = f"{folder}/{name}.{attempt}.log"
        try:
            return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600), 0
        except FileExistsError:
            found = os.lstat(path)
            if found.st_mtime >= since - _CLOCK_TICK:
                return os.open(path, _FLAGS), found.st_size
            attempt += 1
        except FileNotFoundError:
            os.makedirs(os.path.dirname(folder), 0o700, exist_ok=True)
            os.makedirs(folder, 0o700, exist_ok=True)


def logs_of(state: str | os.PathLike[str], run_id: str, activity_id: str | None = None) -> list[Log]:
    """The logs of a run, or of one of its activities, sorted by name and attempt. No error if there are none."""
    wanted = None if activity_id is None else file_name(activity_id)
    folder = folder_of(state, run_id)
    try:
        entries = os.listdir(folder)
    except OSError:
        return []
    found = []
    for entry in entries:
        if (wanted is None or entry.startswith(wanted)) and (parts := re.fullmatch(_FILE, entry)) is not None:
            name = parts["name"]
            if wanted is None or name == wanted:
                found.append(Log(f"{folder}/{entry}", name, int(parts["attempt"])))
    return sorted(found, key=lambda each: (each.name, each.attempt))


def last_written(state: str | os.PathLike[str], run_id: str) -> float:
    """When an activity of a run has printed last, in epoch seconds; 0 if none has. Raises no error."""
    latest = 0.0
    try:
        with os.scandir(folder_of(state, run_id)) as entries:
            for entry in entries:
                latest = max(latest, entry.stat(follow_symlinks=False).st_mtime)
    except OSError:
        pass
    return latest


def last_lines(
    state: str | os.PathLike[str], run_id: str, activity_ids: str | Iterable[str], count: int = LAST_LINES
) -> list[str]:
    """The last lines that an activity has printed, of its latest attempt; of several, the one that printed last.

    Control characters are escaped. An empty list if nothing was printed or kept. Raises no error.
    """
    latest: tuple[float, str] | None = None
    for each in [activity_ids] if isinstance(activity_ids, str) else activity_ids:
        for log in logs_of(state, run_id, each)[-1:]:
            try:
                found = os.stat(log.path)
            except OSError:
                continue
            if latest is None or found.st_mtime >= latest[0]:
                latest = found.st_mtime, log.path
    return [] if latest is None else tail(latest[1], count)


def tail(path: str, count: int = LAST_LINES) -> list[str]:
    """The last lines of a log, without empty ones at its end, as ``shown`` gives them. Raises no error.

    Of a crash, they are the error and the innermost frames of the activity.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            data = file.read(_TAIL)
    except OSError:
        return []
    lines = data.split(b"\n")
    if size > _TAIL and len(lines) > 1:
        del lines[0]  # the end of a line
    while lines and not lines[-1].strip():
        lines.pop()
    lines = without_own_frames(lines, count)
    return [shown(line) for line in lines[-count:]]


def shown(line: bytes, encoding: str = "utf-8") -> str:
    """A line of output for people, with control characters escaped. Of a progress bar, the last state stays."""
    text = line.decode(encoding, "replace")
    if text.isprintable():  # nearly always
        return text
    text = text.rstrip("\r")
    return escaped(text.rpartition("\r")[2].expandtabs())
