"""Faults of every kind strike random runs, again and again; then the log and the marks are checked.

Run it by hand with ``python -m tests.crash.faults --minutes 20``. It checks that

- no mark is stale: the latest work of each step ended well, and began after the latest work of its origins had ended;
- nothing that was done is done again, except what was in flight when a fault struck;
- no step is worked on twice at a time;
- no run hangs, and none ends with an error that the faults do not explain;
- no process, lock, claim or temporary file is left.

``program`` is the workflow, ``world`` starts and restarts its runs, ``judge`` checks. Each file in ``kinds`` is a kind
of fault: a module with ``usable(world)``, which is true if it can strike this round, and ``strike(world)``, which does
so and undoes it before it returns. A new file there is found by itself.
"""
