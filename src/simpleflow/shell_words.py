"""Commands for people to paste: the name by which this program can be called again, and words quoted for a shell."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

NAME = "simpleflow"

_MODULE = "__main__.py"  # python -m simpleflow
_others: list[list[str]] = []  # the arguments to give instead of those of this program

_SHORT = {"\n": "\\n", "\t": "\\t"}
_ESCAPED = r"[\\']|[^ -~]"


def program() -> list[str]:
    """Return the words that call this program again, from the same folder: ``simpleflow``, unless that is another one.

    So it is where its virtual environment is not active, and the shell would find another one or none.
    """
    called = sys.argv[0]
    name = os.path.basename(called)
    if name not in (NAME, _MODULE):
        return [NAME]  # inside another program
    paths = (os.path.join(folder, NAME) for folder in os.get_exec_path())
    first = next((path for path in paths if os.access(path, os.X_OK)), None)
    try:
        if name == _MODULE:
            is_first = first is not None and os.path.samefile(os.path.dirname(first), os.path.dirname(sys.executable))
        else:
            is_first = first is not None and os.path.samefile(first, called)
    except OSError:
        is_first = False
    if is_first:
        return [NAME]
    return [called] if name == NAME else [sys.executable, "-m", NAME]


def arguments() -> list[str]:
    """Return the arguments with which this program does the same again: its own, unless ``stand_for`` gave others."""
    return _others[-1] if _others else sys.argv[1:]


def stand_for(words: list[str] | None) -> None:
    """Let ``arguments`` return these; None: those of this program."""
    _others[:] = [] if words is None else [words]


def joined(words: Iterable[str]) -> str:
    """Return words as one line for a shell, see ``quoted``."""
    return " ".join(map(quoted, words))


def quoted(word: str) -> str:
    """Return a word as a shell reads it.

    Characters that a terminal would obey or not show are escapes in ``$'...'``, which bash, zsh and ksh read.
    """
    if word.isprintable():
        import shlex  # slow to load, and seldom needed

        return shlex.quote(word)
    return f"$'{re.sub(_ESCAPED, _escape, word)}'"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    if character in _SHORT:
        return _SHORT[character]
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))
