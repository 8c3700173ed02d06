"""The rules of steps: names, covering, and the whole truth table of the verdict."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow.exceptions import InputError
from simpleflow.step import rules
from simpleflow.step.rules import Names, Verdict, covers, verdict

PART = st.text("ab/é *-", min_size=1, max_size=3)
NAME = st.lists(PART, min_size=1, max_size=3).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "a", True),
        ("*", "a.b.c", True),
        ("a", "a", True),
        ("a", "a.b", True),
        ("a", "a.b.c", True),
        ("a", "ab", False),
        ("a", "b.a", False),
        ("a", "A", False),
        ("a.b", "a", False),
        ("a.b", "a.b.c", True),
        ("a.b", "a.bc", False),
        ("a*", "ab", False),
        ("a.*", "a.b", False),
    ],
)
def test_a_pattern_covers_itself_and_the_names_below_it(pattern: str, name: str, expected: bool) -> None:
    assert covers(pattern, name) is expected
    assert (pattern in set(rules.patterns_covering(name))) is expected
    assert Names([name]).covered_by(pattern) == ([name] if expected else [])


@given(NAME, NAME)
def test_the_patterns_that_cover_a_name_are_found_without_looking_at_all_patterns(pattern: str, name: str) -> None:
    assert (pattern in set(rules.patterns_covering(name))) is covers(pattern, name)


@given(st.sets(NAME), st.one_of(NAME, st.just("*")), st.sets(NAME))
def test_names_finds_the_names_that_a_pattern_covers(names: set[str], pattern: str, removed: set[str]) -> None:
    found = Names(names)
    for name in sorted(removed):
        found.discard(name)
    left = names - removed
    assert found.covered_by(pattern) == sorted(name for name in left if covers(pattern, name))
    assert all((name in found) is (name in left) for name in names)
    for name in sorted(removed & names):
        found.add(name)
    assert found.covered_by("*") == sorted(names)


# Each pattern list: none, one that covers "a.b" (itself, parent, everything), one that does not, several.
PATTERNS = [(), ("a.b",), ("a",), ("*",), ("b",), ("a.b.c",), ("a", "*"), ("b", "a.b")]


@pytest.mark.parametrize(
    ("force", "forced", "skipped", "done", "only", "left_out"),
    [
        (*each, only, left_out)
        for each in itertools.product([False, True], PATTERNS, PATTERNS, [False, True])
        for only, left_out in [((), False), (("only",), False), ((), True)]
    ],
)
def test_the_first_line_of_the_table_that_applies_wins(
    force: bool,
    forced: tuple[str, ...],
    skipped: tuple[str, ...],
    done: bool,
    only: tuple[str, ...],
    left_out: bool,
) -> None:
    name = "a.b"

    def is_covered(patterns: tuple[str, ...]) -> bool:
        return any(pattern == "*" or name == pattern or name.startswith(f"{pattern}.") for pattern in patterns)

    def reasons(patterns: tuple[str, ...], kind: str) -> tuple[str, ...]:
        return tuple(sorted(f"{kind} {pattern}" for pattern in patterns if is_covered((pattern,))))

    found = verdict(
        name,
        force=force,
        forced={pattern: [f"force {pattern}"] for pattern in forced},
        skipped={pattern: [f"skip {pattern}"] for pattern in skipped},
        done=done,
        only=only,
        left_out=left_out,
    )
    if left_out:
        assert found == Verdict(False, True, ("Not among --only",))
    elif force or is_covered(forced):
        assert found == Verdict(True, True, reasons(forced, "force"))
    elif is_covered(skipped):
        assert found == Verdict(False, True, reasons(skipped, "skip"))
    elif only:
        assert found == Verdict(True, True, only)
    elif done:
        assert found == Verdict(False, False, ("Step was already played",))
    else:
        assert found == Verdict(True, False, ())


def test_reasons_are_sorted_and_said_once() -> None:
    forced = {"*": ["z", "m"], "a": ["m", "b"], "c": ["never"]}
    assert verdict("a.b", force=False, forced=forced, skipped={}, done=True).reasons == ("b", "m", "z")


def test_force_alone_has_no_reason() -> None:
    assert verdict("a", force=True, forced={}, skipped={"a": ["why"]}, done=True) == Verdict(True, True, ())


@pytest.mark.parametrize("name", ["a", "a.b", "users/2024", "with space", "été.été", "100%", "#?&+", "*x"])
def test_names_that_are_names(name: str) -> None:
    assert rules.check_name(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, "None"),
        (12, "12"),
        (b"a", "bytes"),
        (["a"], "list"),
        ("", "empty"),
        (".", "empty part"),
        ("a.", "empty part"),
        (".a", "empty part"),
        ("a..b", "empty part"),
        ("a\nb", "control character"),
        ("a\x00", "control character"),
        ("a\x85", "control character"),
        ("a\ud800", "surrogate"),
    ],
)
def test_names_that_are_not_are_refused_by_name(name: object, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        rules.check_name(name)
    assert repr(name) in str(caught.value) or name == ""
    assert "\n" not in str(caught.value)


def test_a_name_too_long_for_a_key_is_refused_with_its_prefix() -> None:
    rules.check_key("p", "a" * 1022)
    with pytest.raises(InputError, match=r"1025 bytes; expected 1024 at most"):
        rules.check_key("p", "a" * 1023)
    with pytest.raises(InputError, match="too long"):
        rules.check_key("p", "é" * 512)


def test_one_text_is_one_name() -> None:
    assert rules.check_names("abc", "forced steps") == ["abc"]
    assert rules.check_names("*", "forced steps") == ["*"]
    assert rules.check_names(("a", "b"), "forced steps") == ["a", "b"]
    assert rules.check_names((name for name in "ab"), "forced steps") == ["a", "b"]


@pytest.mark.parametrize("names", [None, 1, [1], [None], ["a", ""], {"a": 1}, b"a", ["a", ["b"]]])
def test_a_value_that_is_no_list_of_names_is_refused(names: object) -> None:
    with pytest.raises(InputError, match="forced steps"):
        rules.check_names(names, "forced steps")
