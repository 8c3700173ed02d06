"""The encoding of values of numpy and pandas, where these are installed."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import values
from simpleflow.exceptions import NotEncodable

numpy = pytest.importorskip("numpy")
CASES = [
    ("int64(3)", 3),
    ("float32(0.5)", 0.5),
    ("longdouble(1.5)", 1.5),
    ("bool_(True)", True),
    ("str_('a')", "a"),
    ("array(3)", 3),
    ("array([[1, 2], [3, 4]])", [[1, 2], [3, 4]]),
    ("array([1.5], dtype='g')", [1.5]),
    ("array([(1, 2.5)], dtype=[('a', int), ('b', float)])", [[1, 2.5]]),
    ("datetime64('2024-01')", "2024-01-01"),
    ("datetime64('2024-01-01T02:03:04.123456789')", "2024-01-01T02:03:04.123"),
    ("array(['2024-01-01'], dtype='M8[ns]')", ["2024-01-01T00:00:00"]),
    ("timedelta64(90, 's')", 90.0),
]
REFUSED = [
    ("array([1, nan])", r"nan at \[1\] is a number that JSON cannot hold; return None"),
    ("array(['NaT'], dtype='M8[s]')", r"at \[0\] is a missing time; return None"),
    ("timedelta64(3, 'M')", "is a duration without a length in seconds; return a number"),
    ("array([1j])", r"at \[0\] is a complex"),
    ("arange(10_001)", "is an array of 10001 members, more than 10000; save it to a file and return the file's path"),
]


@pytest.mark.parametrize(("code", "expected"), CASES)
def test_scalars_and_small_arrays_are_encoded(code: str, expected: Any) -> None:
    value = eval(f"numpy.{code}")
    assert values.decode(values.encode(value, "it")) == expected
    assert values.decode(values.canonical({"a": value}, "it")) == {"a": expected}


@pytest.mark.parametrize(("code", "message"), REFUSED)
def test_what_would_lose_its_meaning_is_refused(code: str, message: str) -> None:
    value = eval(f"numpy.{code}", {"numpy": numpy, "nan": float("nan")})
    with pytest.raises(NotEncodable, match=message):
        values.encode(value, "result of f")


def test_values_of_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: its values are NOT tried here")
    frame = pandas.DataFrame({"a": [1], "at": pandas.to_datetime(["2024-01-01T02:03:04.123456789Z"])})
    assert values.encode(frame.to_dict("records"), "it") == '[{"a":1,"at":"2024-01-01T02:03:04.123Z"}]'
    assert values.encode(pandas.Timedelta("90s"), "it") == "90.0"
    assert values.encode([pandas.Timestamp("2024-01-01", tz="Europe/Paris")], "it") == '["2024-01-01T00:00:00+01:00"]'
    for value, message in (
        (frame, r"is a pandas\..*DataFrame; write it to a file and return the file's path, or return a few rows"),
        (frame["a"], r"Series; return value.tolist\(\)"),
        (pandas.Period("2024-01"), r"is a pandas\..*Period; return str\(value\)"),
        (frame.index, r"Index; return value.tolist\(\)"),
        (pandas.NaT, "NaT is a missing time; return None"),
        (pandas.NA, "<NA> is a .*NAType; return None"),
        ({pandas.Timestamp("2024"): 1}, "is a key of type .*Timestamp; make it text"),
    ):
        with pytest.raises(NotEncodable, match=message):
            values.encode(value, "result of f")
