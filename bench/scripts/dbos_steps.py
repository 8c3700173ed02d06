"""DBOS: ``dbos_steps.py tuned|default SCENARIO NUMBER SECONDS``. Each step of a workflow is a record in SQLite.

``tuned`` is the fastest setting that survives the death of the process: SQLite's write-ahead log, synced at checkpoints
only, as in simpleflow. The default syncs at every step, and takes up to a second longer to end.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from bench.scripts import work

dbos: Any = importlib.import_module("dbos")  # typed alike whether it is installed or not
sqlalchemy: Any = importlib.import_module("sqlalchemy")

CONFIG: dict[str, Any] = {"name": "bench", "system_database_url": "sqlite:///dbos.sqlite", "log_level": "ERROR"}
TUNED: dict[str, Any] = {"notification_listener_polling_interval_sec": 0.01}  # the end waits for this thread

pool: ProcessPoolExecutor


@dbos.DBOS.step()  # type: ignore[untyped-decorator]
def step(index: int) -> int:
    return work.nothing(index)


@dbos.DBOS.workflow()  # type: ignore[untyped-decorator]
def steps(number: int) -> None:
    for index in range(number):
        step(index)


@dbos.DBOS.step()  # type: ignore[untyped-decorator]
async def member(index: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    if seconds:
        await loop.run_in_executor(pool, work.burn, seconds)
    else:
        await loop.run_in_executor(pool, work.nothing, index)


@dbos.DBOS.workflow()  # type: ignore[untyped-decorator]
async def group(number: int, seconds: float) -> None:
    gate = asyncio.Semaphore(4)  # starting all at once is slower

    async def gated(index: int) -> None:
        async with gate:
            await member(index, seconds)

    await asyncio.gather(*(gated(index) for index in range(number)))


def prepare(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def main(mode: str, scenario: str, number: int, seconds: float) -> None:
    global pool
    if mode == "tuned":
        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", prepare)
    if scenario != "steps":
        pool = ProcessPoolExecutor(2)
        pool.submit(work.nothing, 0).result()  # makes it fork now, before there are threads
    dbos.DBOS(config=CONFIG | TUNED if mode == "tuned" else CONFIG)
    dbos.DBOS.launch()
    with dbos.SetWorkflowID(f"{scenario} {number}"):
        if scenario == "steps":
            steps(number)
        else:
            asyncio.run(group(number, seconds if scenario == "cpu" else 0.0))
    dbos.DBOS.destroy()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
