"""Words in messages: counts, articles before names of types, and run ids as people read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simpleflow
from simpleflow.shown_text import count, short_run_id, with_article, with_short_ids

SOURCE = Path(simpleflow.__file__).parent
RUN_ID = "27U7ou37iH3PiQDvICyz7tD_CCY0XMEh4A6r_4QizqTHu5"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (count(0, "step"), "0 steps"),
        (count(1, "step"), "1 step"),
        (count(2, "step"), "2 steps"),
        (count(1, "activity", "activities"), "1 activity"),
        (count(3, "activity", "activities"), "3 activities"),
        (with_article("int"), "an int"),
        (with_article("object"), "an object"),
        (with_article("async_generator"), "an async_generator"),
        (with_article("Order"), "an Order"),
        (with_article("list"), "a list"),
        (with_article("_io.StringIO"), "a _io.StringIO"),
        (with_article("UUID"), "a UUID"),
        (with_article("uuid.UUID"), "a uuid.UUID"),
        (with_article("Union"), "a Union"),
        (short_run_id(RUN_ID), "27U7ou37"),
        (short_run_id(""), ""),
        (
            with_short_ids(f"workflow x, run {RUN_ID} (process 1 on host)"),
            "workflow x, run 27U7ou37 (process 1 on host)",
        ),
        (with_short_ids(f"run {RUN_ID}"), "run 27U7ou37"),
        (with_short_ids("run something-else-that-is-long"), "run something-else-that-is-long"),
        (with_short_ids(f"activity {RUN_ID}"), f"activity {RUN_ID}"),
    ],
)
def test_words(found: str, expected: str) -> None:
    assert found == expected


def test_no_message_has_an_article_before_the_name_of_any_type() -> None:
    wrong = re.compile(r"\b[Aa]n? \{[^}]*(__name__|type_name)")
    lines = [
        f"{path.relative_to(SOURCE)}:{number}: {line.strip()}"
        for path in SOURCE.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if wrong.search(line) and "__name__.lower()" not in line  # a group, a chain: no vowel
    ]
    assert not lines, "use shown_text.with_article"
