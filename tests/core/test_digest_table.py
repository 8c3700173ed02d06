"""Digests and records of activities in arrays: they say what dictionaries and objects would."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simpleflow.core import activity_records, digest_table
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.digest_table import Digests, DigestTable
from simpleflow.core.history import History
from simpleflow.core.marker_index import digest
from simpleflow.core.records import Record
from simpleflow.testing.history import HistoryBuilder


@pytest.mark.parametrize("recent", [1, 3, 64, 4_096])
def test_a_table_is_a_dictionary(recent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_table, "_RECENT", recent)
    dice = random.Random(recent)
    alike = [low + (high << 64) for low in (0, 1, 2**63, 2**64 - 1) for high in (-(2**63), -1, 0, 1, 2**63 - 1)]
    known = [*alike, *(digest("name", str(number)) for number in range(300))]
    table, model = DigestTable(), dict[int, int]()
    for _ in range(2_000):
        key, value = dice.choice(known), dice.choice([0, 1, 2**40, 2**64 - 1, dice.randrange(100)])
        assert table.get(key, 7) == model.get(key, 7)
        assert (key in table) == (key in model)
        if dice.random() < 0.5:
            assert table.put(key, value) == model.get(key, -1)
        else:
            table[key] = value
        model[key] = value
        assert (len(table), table[key]) == (len(model), value)
    copied = table.copy()
    assert (dict(table.items()), copied == table) == (model, True)
    copied[12345] = 1
    assert 12345 not in table
    with pytest.raises(KeyError):
        table[12345]


def test_a_list_of_digests() -> None:
    known = [digest("name", str(number)) for number in range(50)]
    found = Digests()
    for each in known:
        found.append(each)
    assert (list(found), len(found), found[7]) == (known, 50, known[7])
    found.cut(20)
    assert list(found) == known[:20]


def _content(record: Record | None) -> Any:
    if record is None:
        return None
    members = [name for name in Record.__slots__ if name not in ("_events", "_scheduled")]
    return {name: getattr(record, name) for name in members} | {
        "open": record.open,
        "scheduled": record.scheduled,
        "closed": record.closed,
    }


def _is_wanted(name: str) -> bool:
    return name > "do3"


def _random_history(dice: random.Random) -> list[e.Event]:
    """Activities that complete, fail, time out, are cancelled, or begin again under the same id."""
    history = HistoryBuilder("w", now=1.5)
    ids = [f"id{number}" for number in range(30)]
    open_ids: set[str] = set()
    for number in range(40):
        begun = [each for each in dice.sample(ids, 3) if each not in open_ids]
        history.decide(
            *(
                d.ScheduleActivityTask(activity_id=id, activity_type=e.ActivityType(f"do{id[-1]}", "1"), input=id)
                for id in begun
            ),
            *(d.RequestCancelActivityTask(activity_id=id) for id in dice.sample(ids, dice.random() < 0.2)),
            d.StartTimer(timer_id=str(number), start_to_fire_timeout="0"),
        )
        open_ids.update(begun)
        open_ids = {id for id in open_ids if history._history.activities[id].open}
        for id in dice.sample(sorted(open_ids), min(len(open_ids), 2)):
            history.now += dice.random()
            history.start_activity(id)
            history.now += dice.random()
            (history.complete if dice.random() < 0.8 else history.fail)(id)
            open_ids.discard(id)
        history.fire(str(number))
    return list(history.events)


@pytest.mark.parametrize("seed", range(3))
def test_records_in_arrays_say_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = _random_history(random.Random(seed))
    packed, plain = History(), History()
    fewest = 0
    for event in events:
        monkeypatch.setattr(activity_records, "_LAST", 3)
        monkeypatch.setattr(activity_records, "_AT_ONCE", 1 + seed)
        packed.apply(event)
        monkeypatch.setattr(activity_records, "_LAST", 10_000)
        plain.apply(event)
        for id in (*(f"id{number}" for number in range(30)), "other"):
            assert _content(packed.activities.get(id)) == _content(plain.activities.get(id))
            assert (id in packed.activities) == (id in plain.activities)
            assert packed.activities.is_open(id) == plain.activities.is_open(id)
        assert sorted(packed.activities) == sorted(plain.activities)
        assert len(packed.activities) == len(plain.activities)
        assert packed.activities.last_scheduled_at() == plain.activities.last_scheduled_at()
        some = [[each.id for each in history.activities.chosen(_is_wanted)] for history in (packed, plain)]
        assert some[0] == some[1]
        some = [sorted(each.id for _, each in history.open_records()) for history in (packed, plain)]
        assert some[0] == some[1]
        fewest = min(fewest, len(packed.activities.kept) - len(plain.activities.kept))
    assert fewest < -3, "some are in arrays"
