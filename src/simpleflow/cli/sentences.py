"""The first sentence of the help of each command, so that the list of commands need not import them all."""

from __future__ import annotations

SENTENCES = {
    "workflow.start": "Run a workflow in this process, or start it on Amazon SWF if a domain is given.",
    "standalone": "Run a workflow on Amazon SWF with its own deciders and workers.",
    "decider.start": "Answer the decision tasks of a task list on Amazon SWF until stopped.",
    "worker.start": "Run the activities of a task list on Amazon SWF until stopped.",
    "worker.join": "Perform activities of runs that use a Dask scheduler, until stopped.",
    "server": "Serve Amazon SWF's protocol on 127.0.0.1, for development and tests.",
    "step.list": "List the done steps of WORKFLOW with time, run and duration, and what has changed since.",
    "step.plan": "Show which steps of WORKFLOW would run or be skipped, and why, without running anything.",
    "plan.diff": "Show what differs between two plans: which steps would run again, and why.",
    "step.forget": "Remove done marks of steps, so that the next run runs these steps again.",
    "step.mark": "Mark steps of WORKFLOW as done by hand, so that the next run skips them.",
    "state.check": "Read all runs and marks of the state folder FOLDER, and show what is damaged.",
    "state.rescue": "Save the runs and marks of FOLDER that can be read in NEW_FOLDER, and show what is lost.",
    "workflow.prune": "Remove closed runs and their logs from a state folder, and give the space back.",
    "workflow.list": "List recent runs, what failed in them and what open ones wait for, the latest first.",
    "workflow.filter": "List the runs that match all of the given options, the latest first.",
    "workflow.steps": (
        "Show the steps of a run: state, reasons, duration and tries; why one failed; and what the run waits for."
    ),
    "workflow.timeline": "Draw when each step of a run worked and waited, with its tries, failures and critical path.",
    "workflow.graph": "Draw which step of a run forces which, and which waits for which.",
    "workflow.report": (
        "Write a report of a run: what it did and what failed, its timeline, its steps, the ends of its logs."
    ),
    "workflow.info": "Show one run: its start, input, end and result, what it waits for, and counts of what it did.",
    "workflow.history": "Show the history of a run.",
    "history.check": (
        "Replay the last runs of WORKFLOW with the code of today, and show the first decision that differs."
    ),
    "step.why": (
        "Show why a step of WORKFLOW ran or was skipped in its last runs, and what differed from the run before."
    ),
    "workflow.replay": (
        "Replay the history of a run with the code of today, up to a step, and show the workflow at this place."
    ),
    "workflow.tasks": "List the activities of a run with state, tries, duration, worker and failure.",
    "workflow.profile": "Show how long each type of activity in a run waited and ran.",
    "workflow.logs": "Show what the activities of a run and its children have printed, with the step before each line.",
    "task.info": "Show one activity of a run.",
    "task.logs": "Show what an activity has printed, in its latest attempt.",
    "workflow.signal": "Send a signal to an open run.",
    "workflow.cancel": "Ask an open run to cancel itself.",
    "workflow.terminate": "End an open run at once.",
    "workflow.restart": "Start a run again with the same workflow type, input, task list and tags.",
    "activity.rerun": "Run an activity of a run again in this process, and print its result.",
    "info": "Show versions, settings and environment variables of this installation; all of them without a command.",
    "ui": "Show the runs in a browser.",
}
"""By the name of the command. A test compares them with the commands."""
