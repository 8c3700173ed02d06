"""The claims of runs, as ``claim_recovery`` gives them up and takes them again, which is loaded if there may be some.

A run asks for its claims by activities about marks. A run without steps has none of these, and so no claims: for it,
nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from simpleflow.step.constants import ABOUT_MARKS

if TYPE_CHECKING:
    from simpleflow.step.claim_recovery import HasHistory, Run


def closed(run: HasHistory) -> None:
    """Give up the claims of one run. A worker calls this when the run has closed."""
    release([run])


def release(runs: Iterable[HasHistory], may_go_on: bool = False) -> None:
    """Give up the claims that these runs hold, see ``claim_recovery.release``."""
    if holders := [run for run in runs if _may_hold(run)]:
        from simpleflow.step import claim_recovery

        claim_recovery.release(holders, may_go_on)


def regain(
    run: Run,
    on_wait: Callable[[str], None],
    look: Callable[[], None],
    signal: Callable[[str, str, str, str], None],
) -> None:
    """Take again the claims that the run holds, see ``claim_recovery.regain``."""
    if _may_hold(run):
        from simpleflow.step import claim_recovery

        claim_recovery.regain(run, on_wait, look, signal)


def _may_hold(run: HasHistory) -> bool:
    return run.history.activities.has_type(lambda name: name.startswith(ABOUT_MARKS))
