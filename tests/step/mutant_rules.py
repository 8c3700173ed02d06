"""Small faults in the rules of steps, each of which a campaign or a test must find."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """A fault."""

    rule: str  # the rule that it breaks
    file: str  # below ``src/simpleflow``
    old: str  # text that is there once
    new: str
    tests: str = ""  # files of tests that find it; none: the chaos campaign finds it
    children: bool = False  # all runs of the campaign have children then


NESTED = "tests/step/test_nested_failures.py"
SHARED = "tests/step/test_stale_marks.py tests/step/test_stale_marks_races.py tests/step/test_shared_marks.py"

MUTANTS = (
    # What a run was started with
    Mutant(
        "steps that are not among the only ones are left out",
        "step/request.py",
        "return bool(self.only) and not any(map(self._is_among_only, (name, *around)))",
        "return False",
    ),
    Mutant(
        "a step inside one of the only steps runs",
        "step/request.py",
        "map(self._is_among_only, (name, *around))",
        "map(self._is_among_only, (name,))",
    ),
    Mutant(
        "one of the only steps runs although it is done",
        "step/request.py",
        "return (REASON,) if name not in self._completed and self._is_among_only(name) else ()",
        "return ()",
    ),
    Mutant(
        "nothing new begins once a run stops",
        "step/until.py",
        "return self.stopped and not self._is_finished_inside(run.enclosing)",
        "return False",
    ),
    Mutant(
        "a run stops only once all that it was to reach has ended",
        "step/until.py",
        "not (self._missing or self._open)",
        "not self._missing",
    ),
    Mutant(
        "a child inside one of the only steps runs whole",
        "step/request.py",
        "inside = bool(self.only) and any(map(self._is_among_only, around))",
        "inside = False",
        "tests/step/test_only.py",
    ),
    # What counts as changed
    Mutant(
        "changed arguments are noticed",
        "step/changes.py",
        "    if not same_arguments(before.arguments, now.arguments):\n",
        "    if False:\n",
    ),
    Mutant(
        "changed code is noticed",
        "step/changes.py",
        "    if before.activities != now.activities:\n",
        "    if False:\n",
    ),
    Mutant(
        "changed inputs are noticed where a step is skipped at once",
        "step/shortcut.py",
        "        if before is not None and before != scheduler.made_with(run):\n",
        "        if False:\n",
        "tests/step/test_shortcut.py",
    ),
    Mutant(
        "no step is skipped at once that a name forces",
        "step/shortcut.py",
        "            or ledger.forced.count\n",
        "",
        "tests/step/test_shortcut.py",
    ),
    Mutant(
        "a step that is skipped at once counts among the verdicts on its name",
        "step/shortcut.py",
        "        ledger.count_verdict(run, None)\n",
        "",
        "tests/step/test_evaluated_afresh.py -k at_once",
    ),
    Mutant(
        "no step is skipped at once that a name skips",
        "step/shortcut.py",
        "            or ledger.skipped.count\n",
        "",
        "tests/step/test_shortcut.py",
    ),
    Mutant(
        "no step is skipped at once that another one may force",
        "step/shortcut.py",
        "            or not scheduler.dependencies.is_quiet\n",
        "",
        "tests/step/test_shortcut.py",
    ),
    Mutant(
        "no step is skipped at once that has had others inside",
        "step/shortcut.py",
        "        if name in listed.parts:",
        "        if False:",
        "tests/step/test_shortcut.py -k at_once",
    ),
    Mutant(
        "no step of a child is skipped at once",
        "step/shortcut.py",
        "        if ledger.above or ",
        "        if ",
        "tests/step/test_shortcut.py -k at_once",
    ),
    Mutant(
        "no step is skipped at once in a run that is held to a plan",
        "step/shortcut.py",
        " or ledger.request.planned is not None:",
        ":",
        "tests/step/test_shortcut.py -k at_once",
    ),
    Mutant(
        "changed steps run if the class says so",
        "step/scheduler.py",
        "return run.changes.reasons() if run.changes is not None and self.marks.changes == changes.RUN else []",
        "return []",
    ),
    Mutant(
        "changed steps run if the start says so",
        "step/mark_activities.py",
        "changes.RUN if runs_changed else wanted",
        "wanted",
    ),
    Mutant(
        "values that a function captures are arguments",
        "func_group.py",
        "        if type(value) in _PLAIN:\n",
        "        if False:\n",
        "tests/step/test_changes.py",
    ),
    Mutant(
        "a step that changed forces its dependents",
        "step/life.py",
        "        dependencies.add(run)\n",
        "        run.changes or dependencies.add(run)\n",
    ),
    Mutant(
        "what ran in this run is not compared",
        "step/ledger.py",
        "return name in self._done_at_first and name not in self._marked",
        "return True",
        "tests/step/test_changes.py",
    ),
    Mutant(
        "the mark says what the step was made with",
        "step/marker_content.py",
        '        details["made_with"] = recorded.to_json()\n',
        "        pass\n",
    ),
    Mutant(
        "another fingerprint runs the step",
        "step/scheduler.py",
        "elif step.ready_made is None and step.fingerprint not in (None, fingerprint):",
        "elif False:",
    ),
    # Children
    Mutant(
        "a child is known by its input, not by its place",
        "core/decider/child_handle.py",
        "workflow_id = self._default_id(arguments)",
        "workflow_id = self._child_id(suffix)",
        children=True,
    ),
    Mutant(
        "children with other inputs are others",
        "core/decider/child_handle.py",
        'first = self._child_id(f"{around}-{arguments[:16]}" if around else arguments[:16])',
        'first = self._child_id(around or "child")',
        children=True,
    ),
    # Steps inside steps
    Mutant(
        "a step fails if one inside it failed",
        "step/life.py",
        "        error = run.parts_error() if outcome is None else outcome.get",
        "        error = None if outcome is None else outcome.get",
    ),
    Mutant(
        "a step waits for what its work has submitted",
        "step/life.py",
        "        while (part := run.unfinished_part()) is not None and outcome is None",
        "        while (part := run.unfinished_part()) is not None and False",
    ),
    Mutant(
        "a step fails if one of a child inside it failed",
        "core/decider/child_handle.py",
        "            return self._failed_parts\n",
        "            return ()\n",
        children=True,
    ),
    Mutant(
        "a step fails if a child inside it failed",
        "core/decider/child_handle.py",
        'return [parts.Part(self.workflow_id, "")] if self._has_parts else []',
        "return []",
        children=True,
    ),
    Mutant(
        "children of children hand up what failed",
        "core/decider/evaluation.py",
        "            self.handed_down[parts.PARTS] = {}\n",
        "            self.handed_down.pop(parts.PARTS, None)\n",
        NESTED,
    ),
    Mutant(
        "an optional step fails nothing around it",
        "step/run_record.py",
        "        if not run.optional:\n",
        "        if True:\n",
    ),
    Mutant(
        "a step that is not optional does fail what is around it",
        "step/run_record.py",
        "        if not run.optional:\n",
        "        if False:\n",
    ),
    Mutant(
        "the latest end of a step inside counts",
        "step/run_record.py",
        "run.order >= latest[run.name].order",
        "False",
        NESTED,
    ),
    Mutant(
        "a step fails if work beside its own failed",
        "containers.py",
        "            self._scope.beside = []\n",
        "            pass\n",
        "tests/step/test_failures_beside.py",
    ),
    Mutant(
        "a step fails if a child inside it overlooked a failure",
        "core/decider/base_decider.py",
        "| ({own} if executor.overlooked else set())",
        "| set()",
        "tests/step/test_failures_beside.py",
    ),
    Mutant(
        "a step fails if its work has stopped at a step that the failure of the run has left out",
        "step/life.py",
        "        self._lose_with(work)  #",
        "        #",
        "tests/language/test_keep_going.py",
    ),
    Mutant(
        "no result of alternative work is taken for one of the work",
        "step/life_actions.py",
        "return self._scope if is_old else self._scope.child(INSTEAD)",
        "return self._scope",
        "tests/step/test_alternatives.py",
    ),
    Mutant(
        "a step waits for the marker of an earlier submission that is skipped",
        "step/scheduler.py",
        "        if (skipping := self._skipping_before(run)) is not None:\n",
        "        if (skipping := None) is not None:\n",
        "tests/step/test_alternatives.py",
    ),
    # Dependents
    Mutant(
        "a step that ran forces those that come after it",
        "step/dependencies.py",
        "return [DEPENDENT_OF + name for name in dict.fromkeys(origins)]",
        "return []",
    ),
    Mutant(
        "a step waits for those that it comes after",
        "step/dependencies.py",
        "return [*found, *(origin for origin in self._ran_before(run) if origin not in found)]",
        "return [*found]",
    ),
    Mutant(
        "a step compares the marks of those that it comes after",
        "step/scheduler.py",
        "if compares and (origins := self.origins(run)):",
        "if compares and (origins := {}):",
    ),
    Mutant(
        "a step removes the marks of those that come after it",
        "step/dependencies.py",
        "        names.update(name for name in after if name in done)\n",
        "",
    ),
    Mutant(
        "the mark keeps the versions of its origins",
        "step/marker_content.py",
        '        details["after"] = versions\n',
        "        pass\n",
    ),
    Mutant(
        "an origin whose mark is gone runs its dependent",
        "step/origins.py",
        "        return own.after[key] != now\n",
        '        return own.after[key] != now != ""\n',
    ),
    Mutant(
        "a step that ran makes its dependents stale",
        "step/dependencies.py",
        "            names.update(done.covered_by(pattern))\n",
        "            pass\n",
    ),
    Mutant(
        "work is stale if an origin began after it",
        "step/dependencies.py",
        "        return next(reached, None) or next(unreached, None)\n",
        "        return None\n",
    ),
    Mutant(
        "a dependent of a failed step does not run",
        "step/dependencies.py",
        "            if origin.failed and latest[origin.name] is origin:\n",
        "            if False:\n",
    ),
    Mutant(
        "no step waits in a circle",
        "step/waits.py",
        "            if each in others:\n",
        "            if False:\n",
    ),
    Mutant(
        "an origin that was not reached counts",
        "step/dependencies.py",
        "        return {each.name: each for each in self._ledger.unreached_runs() if _forces(each, run)}\n",
        "        return {}\n",
        "tests/step/test_evaluated_afresh.py",
    ),
    Mutant(
        "a step is stale if one inside it is",
        "step/dependencies.py",
        "                return part.stale\n",
        "                pass\n",
        "tests/step/test_stale_parts.py",
    ),
    Mutant(
        "a step is stale if the mark of one inside it was removed",
        "step/dependencies.py",
        "            origin = origin or self._ledger.removed_since(part)\n",
        "",
    ),
    Mutant(
        "a step that makes one stale makes those around it stale",
        "step/dependencies.py",
        "        names.update(name for name in around if name in done)\n",
        "",
    ),
    Mutant(
        "who passes over an origin is stale",
        "step/dependencies.py",
        "        return self._passed.get(run)\n",
        "        return None\n",
    ),
    Mutant(
        "steps inside a waiting step are a part of the graph",
        "step/waits.py",
        "            left += self._inside.get(each, ())\n",
        "",
    ),
    # Dependents in children
    Mutant(
        "a step that ran forces those of children",
        "step/origins.py",
        "return [(pattern, name) for name in self.ran for pattern in self.forces.get(name, ())]",
        "return []",
        children=True,
    ),
    Mutant(
        "a step of a child compares the marks of the parent",
        "step/origins.py",
        "        return {key: (self.bucket, self.path, wanted) for key, wanted in keys.items()}\n",
        "        return {}\n",
        children=True,
    ),
    Mutant(
        "a step of a child does not run after a failed one",
        "step/origins.py",
        "return next((each for each in self.failed if self._covers(each, name) or _covers(after, each)), None)",
        "return None",
        children=True,
    ),
    Mutant(
        "a child knows of its parent before the first step",
        "step/workflow.py",
        "return self.step_scheduler.handed_down()",
        'return self.step_scheduler.handed_down() if "step_scheduler" in self.__dict__ else {}',
        "tests/step/test_origins_in_parents.py -k before_every",
    ),
    Mutant(
        "children of children know of all above them",
        "step/scheduler.py",
        "for each in (*self.ledger.above, here)]",
        "for each in (here,)]",
        children=True,
    ),
    Mutant(
        "a step is done only while the steps inside it are",
        "step/inside.py",
        "            if name not in self._ledger.done:\n",
        "            if False:\n",
    ),
    Mutant(
        "a pattern of a step inside may stand for one beside the step around it",
        "step/inside.py",
        "            or self._dependencies.done_origins(run, part, pattern)\n",
        "",
        "tests/step/test_stale_parts.py -k beside",
    ),
    Mutant(
        "such a pattern stood for the step around it, too, where the step inside ran alone",
        "step/inside.py",
        "        if not (stale and all(more.values())):\n",
        "        if True:\n",
        "tests/step/test_stale_parts.py -k beside",
    ),
    Mutant(
        "a step is done only while the steps inside it have seen what they come after",
        "step/inside.py",
        "                if stale:\n",
        "                if False:\n",
        "tests/step/test_stale_parts.py",
    ),
    Mutant(
        "a step is done only while the steps of children inside it have seen what they depend on",
        "step/inside.py",
        "        return self._missing_below(run, found, scope)\n",
        "        return None\n",
        "tests/step/test_origins_in_parents.py",
    ),
    # Requests
    Mutant(
        "a step that was forced at start is forced once",
        "step/request.py",
        "return name not in self._completed and _any_covers(self.force, name)",
        "return _any_covers(self.force, name)",
    ),
    Mutant(
        "what was forced at start is forced in children",
        "core/decider/evaluation.py",
        "self.handed_down = dict(self.reserved)",
        "self.handed_down = {}",
        children=True,
    ),
    # Marks that runs share
    Mutant(
        "marks that were written during the work are removed after it",
        "step/stale_marks.py",
        "    if stale:\n        store.delete(path, stale)\n",
        "",
        SHARED,
    ),
    Mutant(
        "claims of dependents are revoked before the work",
        "step/stale_marks.py",
        "    revoke(store, path, forced.covers, owner)\n    store.delete(path, [*names",
        "    store.delete(path, [*names",
        SHARED,
    ),
    Mutant(
        "claims of dependents are revoked after the work",
        "step/stale_marks.py",
        "    if claimed:\n        revoke(store, path, forced.covers, owner)\n",
        "",
        SHARED,
    ),
    Mutant(
        "a dependent that begins while its origin works is barred",
        "step/stale_marks.py",
        "        each.forced.covers(claim.name) and each.object not in claim.past",
        "        False and each.object not in claim.past",
        SHARED,
    ),
    Mutant(
        "a mark counts only if the claim of its writer stands",
        "step/stale_marks.py",
        "    return sorted({each.name for each in written if is_void(store, path, [each])})\n",
        "    return []\n",
        SHARED,
    ),
)
