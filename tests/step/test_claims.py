"""Claims: two runs never run the same step at once, and no run waits for one that is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from simpleflow.exceptions import StoreError
from simpleflow.step import claims, processes
from simpleflow.step.claims import Holder, Owner
from simpleflow.step.rules import EVERYTHING
from simpleflow.stores import Store
from simpleflow.stores.directory import DirectoryStore
from simpleflow.stores.memory import MemoryStore

ONE, OTHER, THIRD = Owner("w", "run-1"), Owner("w", "run-2"), Owner("v", "run-3")
PATH = "w/steps"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return DirectoryStore(str(tmp_path / "marks"))


class Run:
    """A run that claims by time alone."""

    def __init__(self, store: Store, owner: Owner, clock: Clock, path: str = PATH) -> None:
        self.store, self.owner, self.clock, self.path = store, owner, clock, path

    def claim(self, name: str, seconds: float = 60) -> Holder | None:
        return claims.claim(self.store, self.path, name, self.owner, seconds, False, self.clock)

    def release(self, *names: str) -> None:
        claims.release(self.store, self.path, names, self.owner)

    def stands(self, name: str) -> bool:
        return claims.stands(self.store, self.path, name, self.owner)

    def revoke(self, *names: str) -> None:
        claims.revoke(self.store, self.path, lambda name: name in names or EVERYTHING in names, self.owner)


@pytest.fixture
def one(store: Store, clock: Clock) -> Run:
    return Run(store, ONE, clock)


@pytest.fixture
def other(store: Store, clock: Clock) -> Run:
    return Run(store, OTHER, clock)


def test_one_run_has_a_step(one: Run, other: Run) -> None:
    assert one.claim("load") is None
    assert other.claim("load") == Holder("w", "run-1", 1000.0, 1060.0, "")
    assert (one.stands("load"), other.stands("load")) == (True, False)
    other.release("load", "absent")
    assert other.claim("load") is not None
    one.release("load")
    assert not one.stands("load")
    assert other.claim("load") is None
    assert one.claim("load") == Holder("w", "run-2", 1000.0, 1060.0, "")


@pytest.mark.parametrize("name", ["load.users", "loa", "loads", "Load", "x.load", "load/x", "load.0000000a"])
def test_other_names_do_not_conflict(one: Run, other: Run, name: str) -> None:
    assert one.claim("load") is None
    assert other.claim(name) is None
    assert one.claim("load") is None
    assert one.stands("load")
    assert not one.stands(name)
    one.release("load")
    assert other.stands(name)


@pytest.mark.parametrize("name", ["é x", "%41", "a/../b", "a@b", ".x", "x.done", "A" * 300, "load.users.2024"])
def test_names_of_all_kinds(one: Run, other: Run, name: str) -> None:
    assert one.claim(name) is None
    assert one.stands(name)
    assert other.claim(name) == Holder("w", "run-1", 1000.0, 1060.0, "")
    assert other.claim(EVERYTHING) is not None
    one.release(name)
    assert one.store.names("") == []


def test_everything_conflicts_with_all(one: Run, other: Run) -> None:
    assert one.claim("a.b") is None
    assert other.claim(EVERYTHING) == Holder("w", "run-1", 1000.0, 1060.0, "")
    assert other.claim("a") is None
    assert one.claim(EVERYTHING) == Holder("w", "run-2", 1000.0, 1060.0, "")
    other.release("a")
    assert one.claim(EVERYTHING) is None
    assert one.claim("a.b") is None
    assert one.claim("c") is None
    for name in ("a", "a.b", "d", EVERYTHING):
        assert other.claim(name) == Holder("w", "run-1", 1000.0, 1060.0, "")
    one.release(EVERYTHING)
    assert other.claim("d") is None
    assert other.claim("c") is not None


def test_prefixes_are_apart(store: Store, clock: Clock) -> None:
    assert Run(store, ONE, clock, "p/steps").claim(EVERYTHING) is None
    for path in ("p/steps-old", "p/step", "q/steps"):
        assert Run(store, OTHER, clock, path).claim("a") is None
    assert Run(store, OTHER, clock, "p/steps/").claim("a") is not None


def test_claims_are_not_among_the_marks(store: Store, clock: Clock) -> None:
    store.put("w/steps", "load", b"")
    for path in ("w/steps", "", "/"):
        assert Run(store, ONE, clock, path).claim("load.users") is None
    assert store.names("w/steps") == ["load"]
    assert [name for name in store.names("") if not claims.is_claim(name)] == ["w/steps/load"]
    assert len(store.names("")) == 3  # "" and "/" are one prefix
    assert not claims.is_claim("load")


def test_claiming_again_renews(one: Run, other: Run, clock: Clock) -> None:
    assert one.claim("load") is None
    clock.now += 50
    assert one.claim("load") is None
    assert len(one.store.names("")) == 1
    clock.now += 50
    assert other.claim("load") == Holder("w", "run-1", 1050.0, 1110.0, "")


def test_a_claim_ends_with_its_time(one: Run, other: Run, clock: Clock) -> None:
    assert one.claim("load") is None
    clock.now += 60
    assert one.stands("load")  # nobody has taken it over
    assert other.claim("load") is None
    assert not one.stands("load")
    assert one.claim("load") == Holder("w", "run-2", 1060.0, 1120.0, "")
    one.release("load")
    assert other.stands("load")
    assert len(one.store.names("")) == 1


def test_a_late_owner_may_claim_again(one: Run, clock: Clock) -> None:
    """With a new claim: somebody may be about to remove the old one."""
    assert one.claim("load") is None
    late = one.store.names("")
    clock.now += 100
    assert one.claim("load") is None
    assert len(set(one.store.names("")) - set(late)) == 1
    one.release("load")
    assert one.store.names("") == []


def test_revoking_is_for_the_claims_of_others(one: Run, other: Run, clock: Clock) -> None:
    third = Run(one.store, THIRD, clock)
    for run, name in ((one, "a"), (one, "b"), (other, "c"), (third, "d")):
        assert run.claim(name) is None
    other.revoke("a", "c", "absent")
    assert [one.stands("a"), one.stands("b"), other.stands("c"), third.stands("d")] == [False, True, True, True]
    other.revoke(EVERYTHING)
    assert [one.stands("b"), other.stands("c"), third.stands("d")] == [False, True, False]


def test_a_claim_that_was_revoked_still_excludes_until_it_is_given_up(one: Run, other: Run) -> None:
    assert one.claim("a") is None
    other.revoke("a")
    assert other.claim("a") is not None
    assert one.claim("a") is None
    assert not one.stands("a")
    one.release("a")
    assert other.claim("a") is None
    assert other.stands("a")
    other.release("a")
    assert one.store.names("") == []


@pytest.mark.parametrize("meanwhile", ["nothing", "revoked", "removed"])
def test_a_run_that_goes_on_regains_its_claim_and_learns_whether_it_was_kept(
    one: Run, other: Run, clock: Clock, meanwhile: str
) -> None:
    assert one.claim("a") is None
    clock.now += 100
    if meanwhile == "revoked":
        other.revoke("a")
    elif meanwhile == "removed":
        assert other.claim("a") is None
        other.release("a")
    kept = claims.regain(one.store, PATH, "a", one.owner, 60, False, clock)
    assert kept is (meanwhile == "nothing")
    assert one.stands("a") is kept
    assert other.claim("a") is not None
    one.release("a")
    assert one.store.names("") == []


def test_kin_do_not_exclude_each_other_and_siblings_do(store: Store, clock: Clock) -> None:
    root = Run(store, Owner("w", "root"), clock)
    children = [Run(store, Owner("c", f"child-{n}", ("root",)), clock) for n in (1, 2)]
    below = Run(store, Owner("g", "grandchild", ("child-1", "root")), clock)
    assert root.claim(EVERYTHING) is None
    assert children[0].claim("a") is None
    assert below.claim("a") is None
    assert children[1].claim("a") is not None
    children[1].revoke("a")
    assert [each.stands("a") for each in (children[0], below)] == [False, False]
    below.release("a")
    children[0].release("a")
    assert children[1].claim("a") is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"run_id": "run-1"}', b'{"process": 3, "run_id": []}'])
def test_an_unreadable_claim_holds_for_an_hour(one: Run, body: bytes) -> None:
    one.store.put(".claims/w/steps", "load.0badc0de", body)
    one.clock.now = time.time()
    holder = one.claim("load")
    assert holder is not None
    assert (holder.workflow_id, holder.run_id, holder.where) == ("", "", "")
    assert holder.until == holder.since + 3600
    one.clock.now += 3602
    assert one.claim("load") is None
    assert "load.0badc0de" not in one.store.names(".claims/w/steps")


def test_a_claim_says_who_has_it(one: Run, store: Store) -> None:
    assert one.claim("load") is None
    assert claims.claim(store, PATH, "users", ONE, 60, True, one.clock) is None
    bodies = [mark.body for mark in store.read(".claims/w/steps", store.names(".claims/w/steps")).values()]
    who = '{"workflow_id": "w", "run_id": "run-1", "since": 1000.0, "until": 1060.0'
    assert bodies == [f"{who}}}".encode(), f'{who}, "process": {json.dumps(processes.describe())}}}'.encode()]
    holder = claims.claim(store, PATH, "users", OTHER, 60, True, one.clock)
    assert holder is not None
    assert holder.where == f"process {os.getpid()} on {os.uname().nodename}"


def test_errors_of_the_store_get_out(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("")
    run = Run(DirectoryStore(str(tmp_path / "file")), ONE, clock)
    for call in (run.claim, run.release, run.stands, run.revoke):
        with pytest.raises(StoreError, match="there is a file where a folder is needed"):
            call("load")  # type: ignore[operator]


# Races, step by step


LOWEST, HIGHEST = "", "~"  # tickets


class Interrupted(MemoryStore):
    """A store where another run writes a claim just before ours is written, and withdraws it before the third look."""

    def __init__(self, step: str, ticket: str, owner: Owner, withdraws: bool = False) -> None:
        super().__init__()
        self.rival = f"{step}.{ticket}"
        self.body = json.dumps(owner._asdict() | {"since": 1000.0, "until": 1060.0}).encode()
        self.withdraws = withdraws
        self.looks = 0

    def names(self, prefix: str) -> list[str]:
        self.looks += prefix.startswith(".claims")
        if self.looks == 3 and self.withdraws:
            self.delete(prefix, [self.rival])
        return super().names(prefix)

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        assert super().create(prefix, self.rival, self.body)
        return super().create(prefix, name, body)

    def put(self, prefix: str, name: str, body: bytes) -> None:
        super().put(prefix, self.rival, self.body)
        super().put(prefix, name, body)


@pytest.mark.parametrize("ticket", [LOWEST, HIGHEST])
@pytest.mark.parametrize("step", ["load", EVERYTHING])
def test_a_run_that_finds_another_claim_beside_its_own_withdraws(clock: Clock, ticket: str, step: str) -> None:
    store = Interrupted(step, ticket, OTHER)
    assert Run(store, ONE, clock).claim("load") == Holder("w", "run-2", 1000.0, 1060.0, "")
    assert store.names("") == [f".claims/w/steps/{step}.{ticket}"]


def test_a_claim_of_the_own_run_that_was_written_meanwhile_is_no_rival(clock: Clock) -> None:
    assert Run(Interrupted(EVERYTHING, LOWEST, ONE), ONE, clock).claim("load") is None


@pytest.mark.parametrize(
    ("ticket", "renews", "owns"), [(LOWEST, 0, 0), (HIGHEST, 0, 1), (LOWEST, 1, 1), (HIGHEST, 1, 1)]
)
def test_the_lowest_ticket_waits_for_the_others(clock: Clock, ticket: str, renews: bool, owns: bool) -> None:
    """The one with the lowest ticket, and one that renews its claim: one of two who meet gets the step."""
    store = Interrupted("load", ticket, OTHER, withdraws=True)
    if renews:
        body = json.dumps(ONE._asdict() | {"since": 900.0, "until": 1050.0}).encode()
        assert MemoryStore.create(store, ".claims/w/steps", "load.5", body)
    assert (Run(store, ONE, clock).claim("load") is None) == owns


def test_a_claim_that_was_written_but_not_looked_at_is_no_claim_yet(store: Store, one: Run, other: Run) -> None:
    """The process of one died in between; its next one finds the claim of the same run, and another's."""
    assert one.claim("load") is None
    body = json.dumps(OTHER._asdict() | {"since": 1000.0, "until": 1060.0}).encode()
    store.put(".claims/w/steps", "load.00000000", body)
    assert one.claim("load") == Holder("w", "run-2", 1000.0, 1060.0, "")
    assert store.names(".claims/w/steps") == ["load.00000000"]


# Processes

CLAIMER = """
import sys, time
from simpleflow.step import claims
from simpleflow.stores import open_store

print(claims.claim(open_store(sys.argv[1]), "w/steps", "load", claims.Owner("w", "run-1"), float(sys.argv[2]), True))
sys.stdout.flush()
time.sleep(600)
"""


@pytest.fixture
def holder(store: Store, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a claim; the parameter is for how many seconds."""
    seconds = str(getattr(request, "param", 3600))
    command = [sys.executable, "-c", CLAIMER, store.url, seconds]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "None\n"
        yield process
        process.kill()


def claim_here(store: Store) -> Holder | None:
    return claims.claim(store, PATH, "load", OTHER, 60, True)


def test_a_process_that_was_killed_has_no_claim(store: Store, holder: subprocess.Popen[str]) -> None:
    found = claim_here(store)
    assert found is not None
    assert found.where == f"process {holder.pid} on {os.uname().nodename}"
    holder.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert claim_here(store) is None  # though it has not been waited for
    assert len(store.names(".claims")) == 1
    claims.release(store, PATH, ["load"], OTHER)
    assert store.names("") == []


def test_the_claim_of_a_killed_process_goes_to_the_next_one_of_the_same_run(
    store: Store, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    assert claims.claim(store, PATH, "load", ONE, 60, True) is None
    assert claim_here(store) is not None
    claims.release(store, PATH, ["load"], ONE)
    assert store.names(".claims") == []


@pytest.mark.parametrize("holder", [0], indirect=True)
def test_a_process_that_lives_keeps_its_claim_beyond_its_time(store: Store, holder: subprocess.Popen[str]) -> None:
    found = claim_here(store)
    assert found is not None
    assert found.until <= time.time()
    holder.send_signal(signal.SIGSTOP)
    assert claim_here(store) is not None


class Listed(DirectoryStore):
    """A folder that notes when its claims are listed, and when they are looked for by the names of steps."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.listings = self.searches = 0

    def names(self, prefix: str) -> list[str]:
        self.listings += prefix == f".claims/{PATH}"
        return super().names(prefix)

    def variants(self, prefix: str, names: Sequence[str]) -> list[str]:
        self.searches += prefix == f".claims/{PATH}"
        return super().variants(prefix, names)


def test_a_claim_of_this_process_is_found_without_a_listing(tmp_path: Path) -> None:
    store = Listed(str(tmp_path))
    for name in ("load", "load.users", "*x"):
        assert claims.claim(store, PATH, name, ONE, 60, True) is None
    assert (store.listings, store.searches) == (0, 2 * 3)
    assert [claims.stands(store, PATH + "/", name, ONE) for name in ("load", "load.users", "*x")] == [True] * 3
    claims.release(store, PATH, ["load", "load.users"], ONE)
    assert (store.listings, store.searches) == (0, 2 * 3)
    assert set(claims.holders(store, PATH)) == {"*x"}
    assert [claims.stands(store, PATH, name, ONE) for name in ("load", "load.users", "*x")] == [False, False, True]
    assert claims.claim(store, PATH, "load", OTHER, 60, True) is None
    assert not claims.stands(store, PATH, "load", ONE)
    claims.release(store, PATH, ["load"], ONE)
    assert claims.stands(store, PATH, "load", OTHER)


def test_claiming_a_step_takes_no_longer_when_thousands_are_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(str(tmp_path))
    scandir, seen = os.scandir, [0]

    class Counted:
        def __init__(self, path: str) -> None:
            self.entries = scandir(path)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return (seen.__setitem__(0, seen[0] + 1) or each for each in self.entries)  # type: ignore[func-returns-value]

        def __exit__(self, *_: object) -> None:
            self.entries.close()

    monkeypatch.setattr(os, "scandir", Counted)
    before = {}
    for number in range(1000):
        seen[0] = 0
        assert claims.claim(store, PATH, f"load.{number}", ONE, 60, False) is None
        assert claims.stands(store, PATH, f"load.{number}", ONE)
        before[number] = seen[0]
    assert sum(before[number] for number in range(900, 1000)) / 100 < 40
    assert claims.claim(store, PATH, EVERYTHING, OTHER, 60, False) is not None
    claims.release(store, PATH, [f"load.{number}" for number in range(1000)], ONE)
    assert claims.claim(store, PATH, EVERYTHING, OTHER, 60, False) is None
    held = claims.claim(store, PATH, "load.7", ONE, 60, False)
    assert held is not None
    assert held.run_id == "run-2"


def test_claims_of_an_earlier_release_in_the_same_folder_count(tmp_path: Path, clock: Clock) -> None:
    """That one wrote them into the folder itself."""
    store = DirectoryStore(str(tmp_path))
    folder = tmp_path / "%2Eclaims/w/steps"
    folder.mkdir(parents=True)
    body = json.dumps(OTHER._asdict() | {"since": 1000.0, "until": 1060.0})
    for name in ("load.0badc0de", "x" * 300 + ".0badc0de"):
        file = folder / f"{name}.done"
        if len(name) > 250:
            file = folder / f"{name[:240]}%" / f"{name[240:]}.done"
            file.parent.mkdir()
        file.write_text(body)
    one, other = Run(store, ONE, clock), Run(store, OTHER, clock)
    for step in ("load", "x" * 300):
        held = one.claim(step)
        assert held is not None
        assert held.run_id == "run-2"
        assert other.stands(step)
        other.release(step)
        assert one.claim(step) is None
        one.release(step)
    assert store.names("") == []


def test_changes_by_others_to_a_claim_are_seen_without_a_listing_too(store: Store) -> None:
    for name in ("load", "report"):
        assert claims.claim(store, PATH, name, ONE, 60, True) is None
    claims.revoke(store, PATH, lambda name: name == "load", OTHER)
    assert [claims.stands(store, PATH, name, ONE) for name in ("load", "report")] == [False, True]
    holder = claims.claim(store, PATH, "load", OTHER, 60, True)
    assert holder is not None
    assert holder.run_id == "run-1"
    [taken] = [each for each in store.names(f".claims/{PATH}") if each.startswith("report.")]
    store.delete(f".claims/{PATH}", [taken])  # as one does who takes the owner for dead
    assert not claims.stands(store, PATH, "report", ONE)
    assert claims.claim(store, PATH, "report", OTHER, 60, True) is None
    claims.release(store, PATH, ["load", "report"], ONE)
    assert (store.names(".revoked"), set(claims.holders(store, PATH))) == ([], {"report"})


def test_which_processes_are_known_to_live() -> None:
    own = processes.describe()
    assert own["pid"] == os.getpid()
    assert processes.is_alive(json.loads(json.dumps(own))) is True
    elsewhere = {"host": "other"}, {"namespace": "pid:[1]"}, {"pid": None}, {"pid": -1}, {"pid": 2**80}
    assert [processes.is_alive(own | change) for change in elsewhere] == [None] * len(elsewhere)
    assert processes.is_alive({}) is None
    if not own["boot"] or not own["machine"]:
        pytest.skip("this system does not tell machines and boots apart")
    assert processes.is_alive(own | {"started": "1"}) is False  # another process had that number
    assert processes.is_alive(own | {"boot": "before"}) is False
    assert processes.is_alive(own | {"machine": "other"}) is None
    assert processes.is_alive(own | {"machine": "", "boot": "before"}) is None


def test_a_forked_child_is_another_process() -> None:
    program = """
import os
from simpleflow.step import processes
parent = processes.describe()
child = os.fork()
if not child:
    os._exit(processes.describe()["pid"] != os.getpid() or processes.is_alive(parent) is not True)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True)
