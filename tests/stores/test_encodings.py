"""Keys as paths and as keys of S3: every text comes back unchanged, and stays below its prefix."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from simpleflow.stores.base import clean, join
from simpleflow.stores.filenames import SUFFIX, file_of, folder_of, mark_of, segment_of
from simpleflow.stores.keys import folder_key, name_of, object_key

segments = st.one_of(
    st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=300),
    st.text("ab.%=/2EeD\\", max_size=12).map(lambda text: text.replace("/", "")),
    st.sampled_from([".", "..", "", "x.done", ".done", "%=", "%-", "a%"]),
)
names = st.lists(segments, min_size=1, max_size=3).map("/".join)


def read_back(path: str) -> str:
    """Return the key of a path, as the listing of a folder does."""
    found: list[str] = []
    pieces: tuple[str, ...] = ()
    *folders, file = path.split("/")
    for folder in folders:
        if folder.endswith("%"):
            pieces = (*pieces, folder)
            continue
        segment = segment_of(pieces, folder)
        assert segment is not None
        found.append(segment)
        pieces = ()
    last = mark_of(pieces, file)
    assert last is not None
    return "/".join([*found, last])


@given(names)
def test_paths(key: str) -> None:
    path = file_of(key)
    assert read_back(path) == key
    assert path.isascii()
    assert path.endswith(SUFFIX)
    whole = path.replace("%/", "")  # a long name may be cut inside an escape
    assert not re.search("[A-Z]", re.sub("%[0-9A-F%]*", "", whole))
    for part in path.split("/"):
        assert 0 < len(part) <= 255
        assert part not in (".", "..")


@given(names, names)
def test_paths_lie_below_their_prefix(prefix: str, name: str) -> None:
    folder = folder_of(clean(prefix))
    assert file_of(join(prefix, name)).startswith(f"{folder}/" if folder else "")


@given(names, names)
def test_different_keys_have_different_paths_also_when_case_is_ignored(one: str, other: str) -> None:
    assert (file_of(one).lower() == file_of(other).lower()) == (one == other)
    assert (file_of(one).lower() == file_of(one.swapcase()).lower()) == (one == one.swapcase())


@given(names, names)
def test_objects(prefix: str, name: str) -> None:
    key = object_key(prefix, name)
    assert name_of(key, folder_key(prefix)) == name
    assert not any(segment in ("", ".", "..") for segment in key.split("/"))
