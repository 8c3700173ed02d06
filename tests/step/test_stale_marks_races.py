"""Runs that know different dependencies, in every order of their single reads and writes, killed anywhere.

``origin`` makes ``dependent`` stale. Each run is a thread that stops before each access to the store; a random choice
says which goes on, and which is killed. At the end, each mark must be true.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from simpleflow.step import claims, processes, stale_marks, tasks
from simpleflow.step.claims import Forced, Owner
from simpleflow.stores.base import Stored
from simpleflow.stores.memory import MemoryStore

PATH = "shared/steps"
ORIGIN, DEPENDENT = "origin", "dependent"
FORCED = Forced((DEPENDENT,), (ORIGIN,))
_numbers = itertools.count()


class Killed(BaseException):
    """The process of the run has died."""


class Thread:
    """A run, which goes on when it is given the turn."""

    def __init__(self, name: str, body: Callable[[], None]) -> None:
        self.name = name
        self.process = {"pid": next(_numbers)}
        self.dead = False
        self.done = False
        self.marked = False  # it has just written its mark
        self._turn = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self.error: BaseException | None = None

        def run() -> None:
            self._turn.acquire()
            try:
                if not self.dead:
                    body()
            except Killed:
                pass
            except BaseException as error:
                self.error = error
            self.done = True
            self._back.release()

        self._thread = threading.Thread(target=run, name=name, daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Give the turn back, and wait for the next one."""
        self._back.release()
        self._turn.acquire()
        if self.dead:
            raise Killed

    def go_on(self) -> None:
        self._turn.release()
        self._back.acquire()
        if self.error is not None:
            raise self.error


class Interleaved(MemoryStore):
    """A store where each access is preceded by a pause of the run."""

    def __init__(self, world: World) -> None:
        super().__init__(f"interleaved-{next(_numbers)}")
        self._world = world

    def names(self, prefix: str) -> list[str]:
        self._world.pause()
        return super().names(prefix)

    def put(self, prefix: str, name: str, body: bytes) -> None:
        self._world.pause()
        super().put(prefix, name, body)
        if prefix == PATH:
            self._world.pause(marked=True)

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        self._world.pause()
        return super().create(prefix, name, body)

    def get(self, prefix: str, name: str) -> bytes | None:
        self._world.pause()
        return super().get(prefix, name)

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for name in [names] if isinstance(names, str) else list(names):
            self._world.pause()
            found |= super().read(prefix, [name])
        return found

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        for name in [names] if isinstance(names, str) else list(names):
            self._world.pause()
            super().delete(prefix, [name])


class World:
    """Some runs over one store."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.store = Interleaved(self)
        self.threads: list[Thread] = []
        self.current: Thread | None = None
        self.log: list[tuple[str, str, str]] = []  # step, word, run
        self.aware: set[str] = set()  # the runs that know what the origin makes stale

    def pause(self, marked: bool = False) -> None:
        if self.current is not None:
            self.current.marked = marked
            self.current.pause()

    def note(self, step: str, word: str, run: str) -> None:
        self.pause()
        self.log.append((step, word, run))

    def start(self, name: str, body: Callable[[], None]) -> None:
        self.threads.append(Thread(name, body))

    def task(self, kind: Any, run: str, *args: Any) -> Any:
        task = kind("memory://none", PATH, *args)
        task.store = self.store
        task.context = {"workflow_id": run, "run_id": run}
        return task.execute()

    def step(self, run: str, name: str, forced: Forced, fails: bool = False, resumed: bool = False) -> None:
        """What a run does for one step. A run that goes on after it was killed has its claim again first."""
        owner = Owner(run, run)
        if resumed:
            while not isinstance(
                claims.regain(self.store, PATH, name, owner, 100, True, forced=forced if self.began(run) else Forced()),
                bool,
            ):
                self.pause()
        while "held" in (found := self.task(tasks.ClaimStepTask, run, name, [run, run], 100, not self.began(run))):
            self.pause()
        if found.get("done"):
            return
        self.note("begun", name, run)
        patterns = (list(forced.patterns), list(forced.but))
        if forced.patterns:
            self.task(tasks.UnmarkStepsDoneTask, run, [], [run, run], *patterns, name)
        self.note(name, "begin", run)
        for _ in range(self.chance.choice([0, 10, 40])):  # the work takes some time
            self.pause()
        self.note(name, "failed" if fails else "end", run)
        if fails:
            self.task(tasks.ReleaseStepTask, run, name, [run, run], *patterns)
        else:
            self.task(tasks.MarkStepDoneTask, run, name, {}, [run, run], *patterns)

    def began(self, run: str) -> bool:
        return any(step == "begun" and each == run for step, _, each in self.log)

    def run(self, kills: float) -> None:
        """Give turns until all runs have ended."""
        while alive := [each for each in self.threads if not each.done]:
            self.current = self.chance.choice(alive)
            for _ in range(self.chance.choice([1, 1, 1, 3, 10, 50])):
                if self.chance.random() < kills * (20 if self.current.marked else 1) and len(self.log) > 0:
                    self.current.dead = True
                self.current.go_on()
                if self.current.done:
                    break
        self.current = None

    def check(self) -> None:
        marked = self.store.names(PATH)
        void = stale_marks.void_marks(self.store, PATH, marked)
        for name in set(marked) - set(void):
            began = max(at for at, (step, word, _) in enumerate(self.log) if (step, word) == (name, "begin"))
            run = self.log[began][2]
            assert (name, "end", run) in self.log[began:], (name, self.log)
            if name == DEPENDENT:
                touched = [line for line in self.log[began:] if line[0] == ORIGIN and line[2] in self.aware]
                assert touched == [], self.log


@pytest.fixture(autouse=True)
def world_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads stand for processes."""
    monkeypatch.setattr(claims, "_held", {})


def try_one(seed: int, monkeypatch: pytest.MonkeyPatch, kills: float) -> World:
    world = World(seed)
    chance = world.chance
    by_process: dict[int, Thread] = {}

    def describe() -> dict[str, Any]:
        assert world.current is not None
        by_process[world.current.process["pid"]] = world.current
        return world.current.process | {"host": "here"}

    monkeypatch.setattr(processes, "describe", describe)
    monkeypatch.setattr(processes, "is_alive", lambda process: not by_process[process["pid"]].dead)
    monkeypatch.setattr("simpleflow.step.claims.time.sleep", lambda seconds: world.pause())
    claims._held.clear()

    def begin(run: str, name: str, forced: Forced, fails: bool, resumed: bool = False) -> None:
        world.start(run, lambda: world.step(run, name, forced, fails, resumed))

    plans = [("a", ORIGIN, FORCED, chance.random() < 0.2), ("b", DEPENDENT, Forced(), chance.random() < 0.1)]
    if chance.random() < 0.5:  # another run of the origin that does not know its dependent, or one that does
        plans.append(("c", ORIGIN, chance.choice([FORCED, Forced()]), False))
    if chance.random() < 0.3:
        plans.append(("d", DEPENDENT, Forced(), False))
    world.aware = {run for run, _, forced, _ in plans if forced.patterns}
    for plan in plans:
        begin(*plan)
    world.run(kills)
    for run, name, forced, fails in plans:  # some of those that were killed go on, and may be killed again
        if any(each.name == run and each.dead for each in world.threads) and chance.random() < 0.5:
            for key in [key for key in claims._held if key[3] == run]:
                del claims._held[key]
            begin(run, name, forced, fails, True)
    world.run(kills / 2)
    return world


@pytest.mark.parametrize("kills", [0.0, 0.01, 0.03])
def test_no_stale_mark_stays_in_any_order_of_reads_and_writes(monkeypatch: pytest.MonkeyPatch, kills: float) -> None:
    marked = 0
    for seed in range(500):
        world = try_one(seed, monkeypatch, kills)
        world.check()
        marked += len(world.store.names(PATH))
    assert marked > 100
