"""Names of steps in command-line options: splitting lists of them, and finding misspelled ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simpleflow import shell_words, shown_text
from simpleflow.exceptions import InputError
from simpleflow.step import rules

OPTIONS = ("force", "skip", "only", "until")
"""The options of a start whose values are names of steps."""

_EXPECTED = "expected names such as load or load.users, separated by commas"
_NAME = r'\s*+(?:"((?:[^"]|"")*)"\s*|((?!")[^,]*))(,|\Z)'


def split_names(values: Sequence[str], what: str) -> list[str]:
    """Return the names in the values of an option that may be repeated; each value is a list separated by commas.

    Blanks around a name are removed. A name in double quotes may contain commas and keeps its blanks; ``""`` inside the
    quotes stands for one quote. Raises InputError, which names the option ``what``, if a value is not such a list.
    """
    found = [name for value in values for name in _names_in(value, what)]
    return rules.check_names(found, what)


def _names_in(value: str, what: str) -> Iterator[str]:
    at = 0
    while True:
        match = re.compile(_NAME).match(value, at)
        if match is None:
            problem = "a quote is not closed, or text follows it"
            raise InputError(f"{what} {value!r} is not a list of names: {problem}; {_EXPECTED}")
        quoted, plain, comma = match.groups()
        name = plain.strip() if quoted is None else quoted.replace('""', '"')
        if not name:
            raise InputError(f"{what} {value!r} has an empty name; {_EXPECTED}")
        yield name
        if not comma:
            return
        at = match.end()


def as_option(names: Sequence[str]) -> str:
    """Return the names as the value of an option in a shell, such that ``split_names`` reads them."""
    return shell_words.quoted(joined(names))


def joined(names: Sequence[str]) -> str:
    """Return the names as one text that ``split_names`` reads."""
    return ",".join(map(_quoted, names))


def _quoted(name: str) -> str:
    is_plain = name.strip() == name and "," not in name and not name.startswith('"')
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def of_missed(options: Sequence[str]) -> str:
    """Say that these options name no step: ``--only names no step``."""
    return f"{' and '.join(options)} name{'s' if len(options) == 1 else ''} no step"


def unreached_names(
    names: Sequence[str],
    steps: Sequence[str],
    what: str,
    closed: Sequence[str] = (),
    text: str = "no step of that name was reached",
) -> list[str]:
    """Return a line for each name that covers none of the ``steps`` that a run reached, with a likely correction.

    ``closed`` are the skipped steps whose work may have other steps inside: these were not reached. ``text`` says of a
    name what is wrong with it.
    """
    if not names:
        return []
    import difflib

    known = list(dict.fromkeys(parent for step in steps for parent in rules.patterns_covering(step)))
    lines = []
    for name in dict.fromkeys(names):
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, 1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        if closed and not close:
            was = "was" if len(closed) == 1 else "were"
            hint = f" (it may be inside {shown_text.names([repr(each) for each in closed])}, which {was} skipped)"
        lines.append(f"{what} {name!r}: {text}{hint}")
    return lines
