"""Names of steps as a command line gives them."""

from __future__ import annotations

from collections.abc import Sequence

from simpleflow.exceptions import InputError
from simpleflow.step import rules

_EXPECTED = "expected names such as load or load.users, with commas in between"


def split(values: Sequence[str], what: str) -> list[str]:
    """The names in the values of an option that may be given several times, each of them a list with commas.

    ``"a,b"`` in quotes is one name; blanks around a name do not count. Raises InputError, naming ``what``.
    """
    if not values:
        return []
    import csv

    found = []
    for value in values:
        try:
            rows = list(csv.reader([value], skipinitialspace=True, strict=True))
        except csv.Error as error:
            raise InputError(f"{what} {value!r} is no list of names: {error}; {_EXPECTED}") from None
        names = [name.strip() for row in rows for name in row]
        if not all(names) or not names:
            raise InputError(f"{what} {value!r} has an empty name; {_EXPECTED}")
        found += names
    return rules.check_names(found, what)


def unreached(names: Sequence[str], steps: Sequence[str], what: str) -> list[str]:
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
