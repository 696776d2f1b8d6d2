"""Measures of ECGs whose intervals, axes and amplitudes follow from how they were made."""

import json

import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import DOWER, P, Q, R, S, T, Wave, synthetic_ecg
from twin.meshes.errors import InputError
from twin.simulation.ecg import standard_ecg
from twin.simulation.leads import IN_TERMS_OF_I_AND_II, INDEPENDENT, LIMB
from twin.simulation.recording.measures import QtFormula, count_notches, frontal_axis


@pytest.fixture(scope="module")
def measures():
    return synthetic_ecg(noise=0.01, wander=0.2).measure()


def test_intervals(measures):
    assert measures.heart_rate == pytest.approx(60_000 / 900, rel=0.005)
    assert measures.qrs_duration == pytest.approx(90, abs=10)
    assert measures.pr_interval == pytest.approx(160, abs=12)
    assert measures.qt_interval == pytest.approx(T.tangent_end, abs=15)


def test_amplitudes(measures):
    times = np.arange(-200.0, 500)
    clean = DOWER @ sum(w.at(times) for w in (Q, R, S))
    for name, lead in zip(INDEPENDENT, clean, strict=True):
        assert measures.of("r_amplitudes", name) == pytest.approx(lead.max(), abs=0.05)
        after = lead[lead.argmax() :].min()
        assert measures.of("s_amplitudes", name) == pytest.approx(after, abs=0.05)
    t_wave = DOWER @ np.array(T.vector)
    for name, value in zip(INDEPENDENT, t_wave, strict=True):
        assert measures.of("t_amplitudes", name) == pytest.approx(value, abs=0.05)
    assert np.abs(measures.st_levels).max() < 0.03


def test_r_grows_and_turns_over(measures):
    assert list(measures.r_progression) == ["V1", "V2", "V3", "V4", "V5", "V6"]
    values = list(measures.r_progression.values())
    assert values[0] < values[1] < values[3]
    assert measures.transition in ("V3", "V4")


@pytest.mark.parametrize("degrees", [-150, -90, -30, 0, 45, 60, 90, 120, 170])
def test_axis_is_the_direction_of_the_frontal_vector(degrees):
    x, y = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    one, two = x, (x + np.sqrt(3) * y) / 2
    areas = np.array([a * one + b * two for a, b in IN_TERMS_OF_I_AND_II.values()])
    assert frontal_axis(LIMB, areas) == pytest.approx(degrees)
    assert areas[5] == pytest.approx(np.sqrt(3) / 2 * y)


def test_axes_of_a_whole_ecg(measures):
    assert -30 < measures.axis < 90
    one, two = DOWER[0] @ np.array(T.vector), DOWER[1] @ np.array(T.vector)
    truth = np.degrees(np.arctan2((2 * two - one) / np.sqrt(3), one))
    assert measures.t_axis == pytest.approx(truth, abs=4)


def test_corrected_qt():
    assert QtFormula.BAZETT.correct(400, 640) == pytest.approx(500)
    assert QtFormula.FRIDERICIA.correct(400, 512) == pytest.approx(500)
    assert QtFormula.FRAMINGHAM.correct(400, 500) == pytest.approx(477)
    assert QtFormula.HODGES.correct(400, 600) == pytest.approx(470)
    for formula in QtFormula:
        assert formula.correct(400, 1000) == 400


@pytest.mark.parametrize(
    ("bumps", "notches"),
    [
        ([(30, 12, 1)], 0),
        ([(20, 6, -0.2), (40, 8, 1), (60, 8, -0.4)], 0),
        ([(30, 8, 1), (55, 8, 0.6)], 2),
        ([(20, 5, 0.4), (40, 6, -0.8), (65, 8, 0.7)], 0),
        ([(15, 5, -0.3), (30, 5, 1), (45, 5, -0.5), (62, 5, 0.4)], 1),
    ],
)
@pytest.mark.parametrize("rate", [500, 1000])
def test_notches(bumps, notches, rate):
    times = np.arange(0, 90, 1000 / rate)
    qrs = sum(h * np.exp(-(((times - c) / w) ** 2) / 2) for c, w, h in bumps)
    assert count_notches(qrs, rate) == notches


def test_one_simulated_beat_goes_the_same_way():
    alone = synthetic_ecg(beats=1, waves=(Q, R, S, T)).between(300, 760)
    measured = alone.measure()
    whole = synthetic_ecg().measure()
    assert measured.interval is None
    assert measured.qtc() is None
    assert measured.pr_interval is None
    assert measured.axis == pytest.approx(whole.axis, abs=1)
    np.testing.assert_allclose(measured.r_amplitudes, whole.r_amplitudes, atol=0.02)
    assert alone.measure(interval=1000).qtc() == pytest.approx(measured.qt_interval)


def test_st_elevation_is_measured():
    injury = Wave(40, 150, 330, (0.0, 0.3, 0.0))
    measured = synthetic_ecg(waves=(P, Q, R, S, injury, T)).measure()
    expected = DOWER[1] @ injury.at(np.array([150.0]))[:, 0]
    assert measured.of("st_levels", "II") == pytest.approx(expected, rel=0.15)


def test_a_subset_of_leads_is_measured_as_far_as_it_goes():
    measured = synthetic_ecg().select("V2").measure()
    assert measured.axis is None
    assert measured.qrs_duration == pytest.approx(90, abs=12)
    with pytest.raises(InputError, match="no st_levels of V5; measured were V2"):
        measured.of("st_levels", "V5")


def test_qs_counts_as_s():
    down = Wave(0, 45, 90, (-1.0, 0.0, 0.0))
    measured = synthetic_ecg(waves=(P, down, T)).measure()
    assert measured.of("r_amplitudes", "I") == 0
    assert measured.of("s_amplitudes", "I") == pytest.approx(-0.632, abs=0.02)


def test_the_table_is_json(measures):
    table = json.loads(json.dumps(measures.table()))
    assert table["qrs_ms"] == pytest.approx(measures.qrs_duration)
    assert set(table["st_levels_mv"]) == set(measures.leads)


def test_units_scale_amplitudes_and_nothing_else():
    ecg = synthetic_ecg(noise=0.01)
    half = standard_ecg(0.5 * ecg.signals, ecg.rate)
    a, b = ecg.measure(), half.measure()
    assert a.qrs_duration == b.qrs_duration
    assert a.axis == pytest.approx(b.axis)
    np.testing.assert_allclose(b.t_amplitudes, 0.5 * a.t_amplitudes, atol=1e-12)
