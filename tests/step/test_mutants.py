"""The mutants of ``mutants`` fit the code as it is; trying them all takes an hour, so that is done by hand."""

from __future__ import annotations

import pytest

from tests.step.mutant_rules import MUTANTS, Mutant
from tests.step.mutants import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_the_text_that_it_replaces_is_there_once(mutant: Mutant) -> None:
    text = (ROOT / "src" / "simpleflow" / mutant.file).read_text()
    assert text.count(mutant.old) == 1
    assert mutant.new != mutant.old
