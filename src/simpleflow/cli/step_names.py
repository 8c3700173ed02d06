"""Names of steps as a command line gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simpleflow.exceptions import InputError
from simpleflow.step import rules

_EXPECTED = "expected names such as load or load.users, with commas in between"
_NAME = re.compile(r'\s*+(?:"((?:[^"]|"")*)"\s*|((?!")[^,]*))(,|\Z)')


def split_names(values: Sequence[str], what: str) -> list[str]:
    """The names in the values of an option that may be given several times, each of them a list with commas.

    ``"a,b"`` in quotes is one name, with its blanks; those around a name do not count, and ``""`` in there is a quote.
    Raises InputError, naming ``what``.
    """
    found = [name for value in values for name in _names_in(value, what)]
    return rules.check_names(found, what)


def _names_in(value: str, what: str) -> Iterator[str]:
    at = 0
    while True:
        match = _NAME.match(value, at)
        if match is None:
            problem = "a quote is not closed or followed by more"
            raise InputError(f"{what} {value!r} is no list of names: {problem}; {_EXPECTED}")
        quoted, plain, comma = match.groups()
        name = plain.strip() if quoted is None else quoted.replace('""', '"')
        if not name:
            raise InputError(f"{what} {value!r} has an empty name; {_EXPECTED}")
        yield name
        if not comma:
            return
        at = match.end()


def unreached_names(names: Sequence[str], steps: Sequence[str], what: str) -> list[str]:
    """One line for each name that covers none of the ``steps`` that a run came to, with the likeliest misspelling."""
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
        lines.append(f"{what} {name!r}: no step of that name was reached{hint}")
    return lines
