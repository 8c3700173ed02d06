"""The line of the user's code that raised an error, found in a traceback as text."""

from __future__ import annotations

import json
import os
import re

TRACEBACK = "Traceback (most recent call last):"

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHON_FOLDER = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_CRASH = b"Fatal Python error: "
_FRAME = r'[\s|]*File "(.+)", line (\d+)(?:, in (.+))?'  # in groups of exceptions, lines begin with bars


def source_line(text: str) -> str:
    """Return ``file:line`` of the innermost frame of a traceback that is in the user's own code, or an empty text.

    Frames of simpleflow, of the standard library and of installed packages do not count. The file is as recorded.
    """
    return own_frame(text)[0]


def own_frame(text: str) -> tuple[str, str, str]:
    """Return ``file:line``, function and source of the same frame; empty texts for what the traceback does not tell."""
    lines = text.rpartition(TRACEBACK)[2].splitlines()
    found = ("", "", "")
    for at, line in enumerate(lines):
        match = re.match(_FRAME, line)
        if match is None:
            continue
        path = match[1]
        if not (
            path.startswith((_OWN_FOLDER, _PYTHON_FOLDER, "<")) or "site-packages" in path or "dist-packages" in path
        ):
            following = lines[at + 1] if at + 1 < len(lines) else ""
            source = following.lstrip(" |").rstrip() if following.replace("|", " ").startswith("    ") else ""
            found = (f"{path}:{match[2]}", match[3] or "", source)
    return found


def innermost(stack: str) -> str:
    """Return the line of a stack that ``faulthandler`` has written: ``file:line in function``.

    It is the innermost one in the user's own code, as in ``source_line``; if there is none, the innermost of all.
    """
    lines = [re.sub(r"(line \d+) in ", r"\1, in ", line) for line in stack.splitlines() if " File " in line]
    for found in (lines[::-1], lines[:1]):
        line, function, _ = own_frame("\n".join(found))
        if line:
            return f"{line} in {function}"
    return lines[0].strip() if lines else "an unknown line"


def without_own_frames(lines: list[bytes], most: int) -> list[bytes]:
    """Return the lines of a log, of which the last ones may be what ``faulthandler`` has written about a crash.

    Of that, what people want to read stays: the error and at most so many lines in all with the innermost frames, as
    far as the code of the activity goes.
    """
    start = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].startswith(_CRASH)), None)
    if start is None:
        return lines
    found = [lines[start]]
    for line in lines[start + 1 :]:
        if _OWN_FOLDER.encode() in line:
            break
        if line.startswith(b"  File "):
            found.append(line)
    return lines[:start] + found[:most]


def traceback_in(details: str | None) -> str:
    """Return the traceback in the details of a failed task; empty if there is none."""
    if not details or '"traceback"' not in details:
        return ""
    try:
        lines = json.loads(details)["traceback"]
    except (ValueError, TypeError, KeyError, RecursionError):  # somebody else's details
        return ""
    return "".join(map(str, lines)) if isinstance(lines, list) else ""
