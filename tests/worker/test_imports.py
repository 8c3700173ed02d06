"""What is imported to find the code of a name that a task holds."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.exceptions import InputError
from simpleflow.worker import dispatch, imports
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.imports import ANY, NOTHING, Imports, beside, only
from tests.worker.test_pool import Shop, children

PROOF = "from pathlib import Path\nPath(__file__).with_suffix('.ran').write_text('')\n"
ACT = PROOF + "from simpleflow import activity\n@activity.with_attributes()\ndef act():\n    return 'done'\n"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with modules that leave a file when they are executed."""
    (tmp_path / "good" / "inner").mkdir(parents=True)
    (tmp_path / "good" / "__init__.py").write_text("")
    (tmp_path / "good" / "inner" / "__init__.py").write_text("")
    (tmp_path / "good" / "inner" / "deep.py").write_text(ACT)
    for name in ("drop_tables", "goodbye"):
        (tmp_path / f"{name}.py").write_text(ACT)
    (tmp_path / "borrows.py").write_text("from drop_tables import act\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    known = dict(dispatch.activities.registry)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    dispatch.activities.registry.clear()
    dispatch.activities.registry.update(known)


def ran(folder: Path) -> set[str]:
    return {path.stem for path in folder.rglob("*.ran")}


def test_functions_of_the_module_of_a_workflow_need_no_decorator(modules: Path) -> None:
    (modules / "plain.py").write_text(
        "from os.path import join\nclass Some: pass\nsome = Some()\ndef double(x): return 2 * x\n"
    )
    importlib.import_module("plain")
    found = dispatch.resolve("plain.double", imports=beside("plain"))
    assert (found.name, found.callable(4)) == ("plain.double", 8)
    assert "plain.double" not in dispatch.activities.registry
    for policy in (NOTHING, ANY, only(["plain"]), beside("drop_tables"), beside("plai")):
        with pytest.raises(InputError, match="unknown"):
            dispatch.resolve("plain.double", imports=policy)
    for name in ("plain.join", "plain.Some", "plain.some", "plain.none", "posixpath.join", "os.system", "double"):
        with pytest.raises(InputError, match="unknown"):
            dispatch.resolve(name, imports=beside("plain"))


@pytest.mark.parametrize(
    ("policy", "name", "message"),
    [
        (NOTHING, "drop_tables.act", "import its module in the workflow's module; this process imports no modules"),
        (only(["good.inner"]), "drop_tables.act", "imports only modules below good.inner"),
        (only(["good"]), "goodbye.act", "imports only modules below good"),
        (only(["good.inner.deep"]), "good.none.act", "imports only modules below good.inner.deep"),
        (ANY, "drop_tables.none", "define it at the top level of a module"),
        (ANY, "{folder}/drop_tables.act", "is not the name of a module"),
        (ANY, "good/../drop_tables.act", "is not the name of a module"),
        (ANY, "..drop_tables.act", "is not the name of a module"),
        (ANY, "no_such_module.act", "its module cannot be imported"),
    ],
)
def test_refused(modules: Path, policy: Imports, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        dispatch.resolve(name.format(folder=modules), imports=policy)
    assert "\n" not in str(raised.value)
    assert ran(modules) == ({"drop_tables"} if name == "drop_tables.none" else set())


def test_allowed(modules: Path) -> None:
    assert dispatch.resolve("good.inner.deep.act", imports=only(["good.inner"])).name == "good.inner.deep.act"
    assert dispatch.resolve("simpleflow.step.tasks.GetStepsDoneTask", imports=only(["good"]))
    assert dispatch.resolve("drop_tables.act", imports=ANY)
    assert ran(modules) == {"deep", "drop_tables"}


def test_an_activity_that_an_allowed_module_has_imported_is_refused(modules: Path) -> None:
    imports.import_all(["borrows"])
    with pytest.raises(InputError, match=r"is defined in drop_tables, and this worker performs activities of borrows"):
        dispatch.resolve("drop_tables.act", imports=only(["borrows"]))
    assert dispatch.resolve("drop_tables.act", imports=NOTHING), "a local run has what its module has imported"


def test_a_module_of_the_policy_that_cannot_be_imported(modules: Path) -> None:
    (modules / "breaks.py").write_text("1 / 0\n")
    with pytest.raises(InputError, match="module 'breaks', which activities may come from, cannot be imported: Zero"):
        imports.import_all(["breaks"])


def test_a_local_run_imports_nothing_for_a_name(modules: Path) -> None:
    before = children()
    shop = Shop()
    try:
        for name in ("drop_tables.act", f"{modules}/drop_tables.act"):
            activity_type = e.ActivityType(name, "1")
            shop.decide(d.ScheduleActivityTask(activity_id=name, activity_type=activity_type))
            task = shop.engine.poll_for_activity_task()
            assert task is not None
            shop.pool.start(task)
            assert "is unknown" in str(shop.end(task.token).reason)
        decider = DecisionWorker(shop.engine, {}, imports=NOTHING)
        with pytest.raises(InputError, match="imports no modules"):
            decider._class("drop_tables.act")
    finally:
        shop.pool.close()
    assert ran(modules) == set()
    assert children() == before
