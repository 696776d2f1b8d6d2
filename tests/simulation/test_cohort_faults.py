"""A run that is killed again and again ends in the same bits as one that is left alone."""

from pathlib import Path

import numpy as np
import pytest

from twin.benchmarks.cohort_faults import BLOWS, CASES, FILES, small_recipe, strike


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for workers in /proc")
def test_killed_parents_and_workers_change_no_bit(tmp_path):
    outcome = strike(small_recipe(tmp_path), tmp_path)
    assert [whom for whom, _ in outcome.struck] == [whom for whom, _ in BLOWS]
    assert outcome.mismatches == ()
    assert len(list((tmp_path / "broken").glob("*/*.h5"))) == FILES
    assert outcome.broken.check() == []
    assert len(outcome.broken) + len(outcome.broken.failures) == CASES
    assert not list((tmp_path / "broken").glob("*/.*"))
    for one, other in zip(outcome.whole, outcome.broken, strict=True):
        np.testing.assert_array_equal(one.raw("ecg"), other.raw("ecg"))
        np.testing.assert_array_equal(one.raw("zones"), other.raw("zones"))
