"""Text that people and programs see: characters that a terminal obeys and passwords in it are neutral."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

# As text: Python compiles each when it is first used, and most runs use none.
_UNSEEN = r"[\x00-\x1f\x7f-\xa0\xad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff\ud800-\udfff]"
_UNSEEN_IN_JSON = r"[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
_RUN_ID = r"(?<=\brun )[\w+/=-]{40,64}"  # those of both engines have 46 characters

_VOWELS = frozenset("aeiou")
_NO_VOWEL = ("one", "uni", "use", "uti", "uuid", "eu")  # words that are spoken with a consonant

SHORT_ID = 8
"""Characters of a short run id, unless more are needed to tell two apart."""

CRASHES = (4, 6, 7, 8, 11)
"""The signals that end a process whose code in C crashed."""

_SIGNALS = {
    9: "if the machine ran out of memory, dmesg or journalctl -k says so",
    **dict.fromkeys(CRASHES, "code in C crashed"),
    24: "its limit of processor time, ulimit -t, is over",
}
"""What signals that end processes may mean."""

_FORMULA = ("=", "+", "-", "@")
_PASSWORD = r"""(?P<before>[A-Za-z][\w+.-]*://[^\s/:@'"]*)    # http://user
        :[^\s'"]*@                                    # :password@, which may hold more of these characters
        | (?P<alone>(?<![\w/:.@-])[\w.+%-]+):[^\s'"/:@]+@(?=[\w\[])   # user:password@host
    """
HIDDEN = "***"
"""Stands for a password."""

_SECRET = r"""(?i)([?&][\w.-]{0,40}(?:token|sig|signature|secret|password|passwd|pwd|credential|key)=)[^&\s'"#]+"""

_LONGEST_VALUE = 100  # characters

SHOWN = 3
"""Names or reasons that are printed before "and n more"."""
_FAILED_IN = 'Workflow execution error in ([^:"]+): "'


def hide_passwords(text: str) -> str:
    """Return the text with ``***`` in place of each password in a URL, or before a host: ``http://user:***@host``.

    So it is with secrets after the path of a URL: ``https://host/?sig=***``.
    """
    if "@" in text:
        text = re.sub(_PASSWORD, lambda found: f"{found['before'] or found['alone']}:***@", text, flags=re.VERBOSE)
    if "=" in text and "://" in text:
        text = re.sub(_SECRET, r"\1***", text)
    return text


def count(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun: ``1 step``, ``2 steps``. ``more``: the plural, if it is not made with s."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def count_or_no(number: int, one: str, more: str = "") -> str:
    """Return the same with ``no`` in place of 0: ``no steps``."""
    return count(number, one, more) if number else f"no {more or one + 's'}"


def value_text(value: object) -> str:
    """Return ``repr(value)`` for an error message, shortened if it is long. Python writes no number of 5,000 digits."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 (the value is the user's, and so is its ``__repr__``)
        text = with_article(type(value).__name__) + (" of too many digits" if isinstance(value, int) else "")
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def with_article(word: str) -> str:
    """Return a word with its indefinite article: ``a list``, ``an object``."""
    return f"{'an' if word[:1].lower() in _VOWELS and not word.lower().startswith(_NO_VOWEL) else 'a'} {word}"


def short_run_id(run_id: str) -> str:
    """Return the begin of a run id as people read it; commands accept it, as long as no other run id begins so."""
    return run_id[:SHORT_ID]


def with_short_ids(text: str) -> str:
    """Return the text with the short form of each run id that follows the word ``run``."""
    return re.sub(_RUN_ID, lambda found: found[0][:SHORT_ID], text) if "run " in text else text


def plain_reason(reason: str | None) -> str:
    """Return the reason of a failed run without the words that the history has before and around it.

    ``Cannot replay the workflow`` stands for every exception of ``run()``, also for one of a child, and says nothing
    about replaying. ``Workflow execution error in NAME: "..."`` is about an activity or child that failed the run, and
    is nested for those of children.
    """
    text = (reason or "").replace("Cannot replay the workflow: ", "").removeprefix("Workflow execution failed: ")
    names = []
    while (found := re.match(_FAILED_IN, text)) is not None:
        names.append(found[1])
        text = text[found.end() :].removesuffix('"')  # a long reason is cut, and has no quote at its end
    return ": ".join([*names, text])


def hint_of_signal(code: int) -> str:
    """Return what a signal that ended a process may mean, to stand behind a sentence; empty if nothing is known.

    ``code``: the exit code, which is the negative number of the signal.
    """
    hint = _SIGNALS.get(-code)
    return f" ({hint})" if hint else ""


def timestamp() -> str:
    """Return the time now, in the local time zone, as it stands before lines in logs."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def escaped(text: str) -> str:
    """Return the text in one line: line breaks and characters that a terminal obeys or hides are written as escapes."""
    if text.isprintable():  # nearly always
        return text
    return re.sub(_UNSEEN, lambda found: found[0] if found[0] == "\xa0" else repr(found[0])[1:-1], text)


def escaped_lines(text: str) -> str:
    """Return the text with each of its lines escaped."""
    return "\n".join(map(escaped, text.split("\n")))


def json_escaped(text: str) -> str:
    """Return JSON text in which such characters are written as JSON's own escapes. The value stays the same."""
    if text.isascii() and "\x7f" not in text:  # nearly always
        return text
    return re.sub(_UNSEEN_IN_JSON, lambda found: f"\\u{ord(found[0]):04x}", text)


def cell(text: str) -> str:
    """Return text for a cell of CSV: escaped, and with an apostrophe before what a spreadsheet takes for a formula."""
    text = escaped_lines(text)  # a line break in quotes is one cell for every reader of CSV
    return "'" + text if text.startswith(_FORMULA) else text


def names(texts: Sequence[str]) -> str:
    """The first few names or reasons, and how many more there are."""
    text = ", ".join(texts[:SHOWN])
    return text if len(texts) <= SHOWN else f"{text} and {len(texts) - SHOWN} more"


def printable(text: str) -> str:
    """The text in one line; characters that a terminal would obey or cannot show are escaped."""
    if text.isprintable():
        return text
    text = " ".join(text.split())
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def duration(seconds: float) -> str:
    """Seconds for people: ``0.31 s``, ``12.0 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
