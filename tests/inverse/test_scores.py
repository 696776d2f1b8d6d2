"""The measures of inferred infarcts, on a row of nodes whose answers are known."""

import numpy as np
import pytest

from twin.inverse.scores import (
    Truth,
    calibration_error,
    centre_error,
    coverage,
    dice,
    hausdorff95,
    score,
    segment_shares,
    soft_dice,
    summarise,
)

NODES = 170


@pytest.fixture
def truth():
    """Ten nodes 1 mm apart in each segment; scar in segments 5 and 6, border beside it."""
    points = np.column_stack([np.arange(NODES, dtype=float), np.zeros((NODES, 2))])
    segments = 1 + np.arange(NODES) // 10
    zones = np.zeros(NODES, np.int8)
    zones[40:60], zones[38:40], zones[60:62] = 2, 1, 1
    return Truth(zones, points, np.ones(NODES), segments)


def certain(zones):
    return np.eye(3)[zones]


def test_the_truth_itself(truth):
    figures = score(truth, certain(truth.zones))
    assert figures["hard_scar"] == figures["hard_border"] == 1
    assert figures["soft_scar"] == figures["soft_border"] == 1
    assert figures["hd95"] == figures["centre_error"] == figures["burden_error"] == 0
    assert figures["segment_hits"] == figures["segment_involved"] == 2
    assert figures["segment_rejections"] == figures["segment_spared"] == 15
    assert figures["answered_healthy"] == 0


def test_a_shifted_answer(truth):
    figures = score(truth, certain(np.roll(truth.zones, 10)))
    assert figures["hard_scar"] == pytest.approx(0.5)
    assert figures["centre_error"] == pytest.approx(10)
    assert figures["hd95"] == pytest.approx(9, abs=1)
    assert figures["burden_error"] == 0
    assert figures["segment_hits"] == 1


def test_missed_scar_is_a_heart_away_and_no_perfect_score(truth):
    figures = score(truth, certain(np.zeros(NODES, int)))
    assert figures["hard_scar"] == 0
    assert figures["hd95"] == figures["centre_error"] == truth.diameter == NODES - 1
    assert figures["answered_healthy"] == 1


def test_a_healthy_heart_has_no_dice_but_may_be_called_ill(truth):
    well = Truth(np.zeros(NODES, np.int8), truth.points, truth.masses, truth.segments)
    said = score(well, certain(truth.zones))
    assert "hard_scar" not in said
    assert said["answered_healthy"] == 0
    assert said["burden_error"] == pytest.approx(100 * 20 / NODES)


def test_soft_dice_is_that_of_probabilities():
    true = np.array([True, True, False, False])
    assert soft_dice(np.array([0.5, 0.5, 0.5, 0.5]), true) == pytest.approx(2 / 4)
    assert dice(true, ~true) == 0
    assert dice(~true & true, true & ~true) == 1


def test_distances_are_in_both_directions(truth):
    found = np.zeros(NODES, bool)
    found[40] = True
    scar = truth.zones == 2
    assert hausdorff95(truth, found, scar) == pytest.approx(18, abs=1)
    assert centre_error(truth, found, scar) == pytest.approx(9.5)


def test_segments_are_shares_of_mass(truth):
    found = np.zeros(NODES, bool)
    found[40:45] = True
    shares = segment_shares(truth, found)
    assert shares[4] == pytest.approx(0.5)
    assert shares.sum() == pytest.approx(0.5)


def test_intervals_are_over_anatomies(truth):
    """Two hearts that answer 0 and 1 throughout: the interval spans both, however many cases."""
    cases = [{"hard_scar": float(k >= 50)} for k in range(100)]
    found = summarise(cases, np.repeat([0, 1], 50))["hard_scar"]
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)
    apart = summarise(cases, np.arange(100))["hard_scar"]
    assert apart.high - apart.low == pytest.approx(0.2, abs=0.04)


def test_sensitivity_is_of_all_segments_together():
    cases = [
        {"segment_hits": 1.0, "segment_involved": 1.0},
        {"segment_hits": 0.0, "segment_involved": 3.0},
    ]
    found = summarise(
        [{**case, "segment_rejections": 1.0, "segment_spared": 2.0} for case in cases],
        np.array([0, 1]),
    )
    assert found["segment_sensitivity"].mean == pytest.approx(0.25)
    assert found["segment_specificity"].mean == pytest.approx(0.5)


def test_figures_that_some_cases_lack_are_of_the_others():
    found = summarise([{"hd95": 4.0}, {"burden_error": 1.0}], np.array([0, 1]))
    assert found["hd95"].mean == 4.0


def test_calibration():
    random = np.random.default_rng(0)
    zones = random.integers(3, size=20_000)
    sure = np.full((20_000, 3), 0.15)
    sure[np.arange(20_000), np.where(random.random(20_000) < 0.7, zones, (zones + 1) % 3)] = 0.7
    assert calibration_error(sure, zones) < 0.02
    assert calibration_error(np.eye(3)[(zones + 1) % 3], zones) == 1.0


def test_coverage():
    assert coverage(np.array([1.0, 2.0]), np.array([[0.0, 1.0], [0.0, 1.0]])) == 0.5
