"""The contract of a store: the same tests for memory, a folder, two S3 servers, and Google's and Azure's services."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from simpleflow.exceptions import StoreError
from simpleflow.stores import Store, open_store
from simpleflow.stores.base import variants

HOSTILE = [
    "", " ", ".", "..", "...", "/", "/abs", "a/", "a//b", "a/../b", "../../etc/passwd", "./a", "a/.",
    "é x", "日本語", "\U0001f600", "%41", "%2F", "%=x", "%=", "A", "a", "a.done", "a.done/b", ".hidden",
    "end.", "#?&+", "a=b;c", "'\"<>|*", "a\\b", "~", "c:d", "\t", "line\nbreak", "\x01\x7f", "con", "x" * 250,
]  # fmt: skip
CONTENDER = """
import sys
from simpleflow.stores import open_store

store = open_store(sys.argv[1])
store.names("race")
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    if store.create("race", f"step.{number}", sys.argv[2].encode() * 5000):
        print(f"step.{number}", flush=True)
"""
PREFIXES = ["steps", "a/b/steps", "", "/lead", "a//b", "../up", "Wörk flow/steps", "x.done"]


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.names("w/steps") == []
    assert store.names("") == []
    assert store.get("w/steps", "a") is None
    store.delete("w/steps", ["a", "b"])


def test_put_get_replace_delete(store: Store) -> None:
    store.put("w/steps", "load.users", b'{"run_id": "1"}')
    store.put("w/steps", "load", b"")
    assert store.names("w/steps") == ["load", "load.users"]
    assert store.get("w/steps", "load.users") == b'{"run_id": "1"}'
    assert store.get("w/steps", "load") == b""
    store.put("w/steps", "load.users", b"new")
    assert store.get("w/steps", "load.users") == b"new"
    store.delete("w/steps", ["load.users", "absent", "load.users"])
    assert store.names("w/steps") == ["load"]
    assert store.get("w/steps", "load.users") is None


def test_variants_are_the_names_with_a_last_part_after_a_dot(store: Store) -> None:
    wanted = ["load", "load.users", "*", "in/ner", "Ünï/*x", "x" * 200, "absent", ""]
    others = [
        "load",
        "load.",
        "load.x/y",
        "loader.1",
        "load/users.1",
        ".hidden",
        "ner.1",
        "load0.2",
        "LOAD.1",
        ".1.2.3",
    ]
    for prefix in (".claims/w/steps", "w/steps"):
        for name in [*(f"{each}.{ticket}" for each in wanted[:-2] for ticket in ("c0ffee00", "5")), *others]:
            store.put(prefix, name, b"")
        expected = [name for name in store.names(prefix) if (each := name.rpartition("."))[1] and each[0] in wanted]
        expected.remove("load.x/y")
        assert len(expected) == 14
        assert sorted(variants(store, prefix + "/", wanted)) == expected
        assert variants(store, prefix + "/absent", wanted) == []
        above, _, last = prefix.rpartition("/")
        of_load = [f"{last}/{name}" for name in expected if name.startswith("load.") and "users" not in name]
        assert sorted(variants(store, above, [f"{last}/load"])) == of_load
        store.delete(prefix, store.names(prefix))
    assert store.names("") == []


def test_create_does_not_replace(store: Store, kind: str) -> None:
    assert store.create("w/steps", "load", b"first")
    assert not store.create("w/steps/", "load", b"second")
    assert store.get("w/steps", "load") == b"first"
    store.put("w/steps", "put", b"")
    assert not store.create("w/steps", "put", b"created")
    assert store.get("w/steps", "put") == b""
    store.delete("w/steps", ["load"], durable=False)
    assert store.names("w/steps") == ["put"]
    assert store.create("w/steps", "load", b"again")
    assert store.get("w/steps", "load") == b"again"
    refused = [name for name in HOSTILE if not store.create("steps", name, name.encode())]
    assert refused == (["a"] if kind == "seaweed" else [])  # seaweed has a folder of that name by then, for "a//b"
    assert [name for name in HOSTILE if store.create("steps", name, b"other")] == []
    assert store.names("steps") == sorted({*HOSTILE} - {*refused})


def test_of_several_creators_one_wins(store: Store, kind: str) -> None:
    count = {"seaweed": 8, "moto": 25, "google": 25, "azure": 25}.get(kind, 100)  # the losers wait on seaweed
    names = [f"step.{number}" for number in range(count)]
    tries = [(name, f"{name} {number}".encode()) for name in names for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda each: store.create("p", *each), tries))
    winners = {name: body for (name, body), is_won in zip(tries, won, strict=True) if is_won}
    assert won.count(True) == len(names)
    assert {name: store.get("p", name) for name in names} == winners


@pytest.mark.parametrize("kind", ["directory", "seaweed", "moto", "google", "azure"])
def test_of_several_creating_processes_one_wins(store: Store, kind: str) -> None:
    count = 300 if kind == "directory" else 8
    commands = [[sys.executable, "-c", CONTENDER, store.url, who, str(count)] for who in "abcd"]
    contenders = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands
    ]
    for each in contenders:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in contenders:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    won = {who: each.communicate()[0].split() for who, each in zip("abcd", contenders, strict=True)}
    assert [each.returncode for each in contenders] == [0] * 4
    assert Counter(name for names in won.values() for name in names) == {f"step.{n}": 1 for n in range(count)}
    bodies = {name: who.encode() * 5000 for who, names in won.items() for name in names}
    assert {name: mark.body for name, mark in store.read("race", bodies).items()} == bodies


def test_read_many(store: Store) -> None:
    before = time.time()
    names = [f"step.{number}" for number in range(40)]
    for name in names:
        store.put("w/steps", name, name.encode())
    found = store.read("w/steps", ["absent", *reversed(names), "step.1"])
    assert list(found) == names[::-1]
    assert [mark.body for mark in found.values()] == [name.encode() for name in names[::-1]]
    # S3 counts whole seconds; a file system's clock stands still for some milliseconds.
    assert all(before - 1.5 <= mark.modified <= time.time() for mark in found.values())
    assert store.read("w/steps", []) == {}
    assert store.read("nowhere", names) == {}
    assert list(store.read("w/steps/", "step.1")) == ["step.1"]


def test_read_hostile_names_and_bodies(store: Store) -> None:
    bodies = {name: name.encode() * 40_000 for name in HOSTILE}
    for name, body in bodies.items():
        store.put("../a//B", name, body)
    assert {name: mark.body for name, mark in store.read("../a//B", HOSTILE).items()} == bodies


def test_a_single_text_is_one_name_to_delete(store: Store) -> None:
    for name in ("a", "b", "ab"):
        store.put("p", name, b"")
    store.delete("p", "ab")
    assert store.names("p") == ["a", "b"]


def test_hostile_names_come_back_unchanged(store: Store) -> None:
    for name in HOSTILE:
        store.put("steps", name, name.encode())
    assert [store.get("steps", name) for name in HOSTILE] == [name.encode() for name in HOSTILE]
    assert store.names("steps") == sorted(HOSTILE)
    store.delete("steps", HOSTILE)
    assert store.names("") == []


@pytest.mark.parametrize("prefix", PREFIXES)
def test_hostile_prefixes_stay_separate(store: Store, prefix: str) -> None:
    names = ["../a", "/abs", "a", "A b"]
    for name in names:
        store.put(prefix, name, name.encode())
    assert [store.get(prefix, name) for name in names] == [name.encode() for name in names]
    assert store.names(prefix) == sorted(names)
    for other in ("other", f"{prefix}-old", "lead", "up", "b"):
        assert store.names(other) == []
    store.delete(prefix, names)
    assert store.names("") == []


def test_siblings_of_a_prefix_are_not_below_it(store: Store) -> None:
    for prefix in ("p/steps", "p/steps-old", "p/steps.x", "p", "p/Steps"):
        store.put(prefix, "a", b"")
    assert store.names("p/steps") == ["a"]
    assert store.names("p/step") == []


def test_slashes_at_the_end_of_a_prefix_do_not_count(store: Store) -> None:
    store.put("w/steps/", "a", b"1")
    assert store.names("w/steps") == store.names("w/steps//") == ["a"]
    assert store.get("w/steps", "a") == b"1"


def test_the_empty_prefix_is_the_whole_store(store: Store) -> None:
    store.put("", "top", b"")
    store.put("w/steps", "a", b"")
    store.put("w/steps", "b/c", b"")
    assert store.names("") == store.names("/") == ["top", "w/steps/a", "w/steps/b/c"]
    assert store.names("w") == ["steps/a", "steps/b/c"]


def test_prefix_and_name_are_one_key(store: Store) -> None:
    store.put("a", "b/c", b"1")
    assert store.get("a/b", "c") == b"1"
    store.delete("", ["a/b/c"])
    assert store.names("a") == []


def test_a_name_may_also_be_the_prefix_of_another(store: Store) -> None:
    for name in ("a", "a/b", "a/b/c"):
        store.put("p", name, name.encode())
    assert store.names("p") == ["a", "a/b", "a/b/c"]
    store.delete("p", ["a"])
    assert store.names("p") == ["a/b", "a/b/c"]


@pytest.mark.parametrize("letter", ["x", "X", "."])
def test_long_names(store: Store, kind: str, letter: str) -> None:
    names = [letter * 1000, letter * 999 + "y", letter * 256 + "/" + letter * 300]
    if kind == "seaweed":  # seaweed allows at most 255 bytes between two slashes
        with pytest.raises(StoreError, match=r"too long.*shorten the step's name"):
            store.put("p", names[0], b"")
        return
    for name in names:
        store.put("p", name, name.encode())
    assert store.names("p") == sorted(names)
    assert [store.get("p", name) for name in names] == [name.encode() for name in names]
    store.delete("p", names)
    assert store.names("p") == []


def test_names_that_are_not_unicode_are_refused(store: Store) -> None:
    for call in (
        lambda: store.put("p", "a\ud800", b""),
        lambda: store.create("p", "a\ud800", b""),
        lambda: store.read("p", ["a\ud800"]),
        lambda: store.names("\ud800"),
    ):
        with pytest.raises(StoreError, match="not valid Unicode"):
            call()


def test_more_than_one_page(store: Store, kind: str) -> None:
    count = 1050 if kind in ("memory", "directory", "state", "seaweed") else 50  # the others would take seconds
    names = sorted(f"step.{number}" for number in range(count))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put("many/steps", name, b"{}"), names))
    assert store.names("many/steps") == names
    store.delete("many/steps", iter(names[: count - 2]))
    assert store.names("many/steps") == names[-2:]


def test_the_url_opens_the_same_store(store: Store) -> None:
    assert open_store(store.url) is store
