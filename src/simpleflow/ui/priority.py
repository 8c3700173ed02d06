"""The priority of the page: the runs that it shows go first where they share a machine."""

from __future__ import annotations

import os
from contextlib import suppress

_NICE = 5  # a third of the processor beside a process that wants all of it


def give_way() -> None:
    """Lower the priority of this thread, and of the threads and processes that it starts from now on.

    A thread of the kind ``SCHED_BATCH`` does not interrupt another one when it wakes up, so a page that looks for news
    several times a second does not hold up short activities.
    """
    with suppress(OSError):
        os.nice(_NICE)
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
