"""Filters: what they pass, what they stop, and where they leave the waves."""

import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import synthetic_ecg
from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.recording.filters import (
    Phase,
    find_mains,
    remove_baseline,
    remove_mains,
    remove_muscle,
    resample,
)


def sine(frequency, *, rate=500.0, seconds=8.0):
    times = np.arange(int(seconds * rate)) / rate
    return ECG(np.sin(2 * np.pi * frequency * times)[None], rate, ("I",))


def amplitude(ecg):
    middle = ecg.signals[:, ecg.signals.shape[1] // 4 : 3 * ecg.signals.shape[1] // 4]
    return np.sqrt(2) * middle.std()


@pytest.mark.parametrize(
    ("remove", "stopped", "passed"),
    [
        (lambda e: remove_baseline(e, 0.5), 0.125, 5.0),
        (lambda e: remove_mains(e, 50), 50, 30),
        (lambda e: remove_mains(e, 60), 60, 90),
        (lambda e: remove_muscle(e, 40), 110, 10),
    ],
)
def test_stop_and_pass(remove, stopped, passed):
    assert amplitude(remove(sine(stopped))) < 0.06
    assert amplitude(remove(sine(passed))) == pytest.approx(1, abs=0.02)


def test_butterworth_corner_is_where_it_is_said_to_be():
    causal = remove_muscle(sine(40), 40, Phase.CAUSAL)
    twice = remove_muscle(sine(40), 40, Phase.ZERO_PHASE)
    assert amplitude(causal) == pytest.approx(2**-0.5, abs=0.01)
    assert amplitude(twice) == pytest.approx(0.5, abs=0.01)


def test_zero_phase_moves_nothing_and_causal_delays():
    ecg = synthetic_ecg(beats=4)
    peak = ecg.lead("II").argmax()
    assert abs(remove_muscle(ecg, 40).lead("II").argmax() - peak) <= 1
    assert remove_muscle(ecg, 40, Phase.CAUSAL).lead("II").argmax() - peak >= 5


def test_causal_filters_start_at_rest():
    level = ECG(np.full((1, 2000), 3.0), 500, ("I",))
    np.testing.assert_allclose(remove_muscle(level, 40, Phase.CAUSAL).signals, 3.0, atol=1e-9)


def test_the_phase_is_remarked():
    ecg = synthetic_ecg(beats=4)
    filtered = remove_mains(remove_baseline(ecg), 50, Phase.CAUSAL)
    assert filtered.remarks[0].endswith("zero-phase")
    assert filtered.remarks[1] == "mains: notch 50 Hz, quality 30, causal"


def test_wander_goes_and_the_beat_stays():
    clean, drifting = synthetic_ecg(), synthetic_ecg(wander=0.8)
    left = remove_baseline(drifting).signals - remove_baseline(clean).signals
    assert np.abs(left[:, 1000:-1000]).max() < 0.05


@pytest.mark.parametrize(("old", "new"), [(1000, 500), (1000, 250), (500, 1000), (360, 500)])
def test_resampling_keeps_the_curve(old, new):
    ecg, direct = synthetic_ecg(rate=old, beats=3), synthetic_ecg(rate=new, beats=3)
    resampled = resample(ecg, new)
    assert resampled.rate == new
    count = min(resampled.signals.shape[1], direct.signals.shape[1]) - 50
    difference = resampled.signals[:, 50:count] - direct.signals[:, 50:count]
    assert np.abs(difference).max() < 0.02


def test_resampling_does_not_alias():
    assert amplitude(resample(sine(110, rate=1000), 125)) < 0.02


@pytest.mark.parametrize(("mains", "rate"), [(50, 1000), (60, 500), (None, 1000)])
def test_mains_are_found(mains, rate):
    ecg = synthetic_ecg(rate=rate, noise=0.01)
    if mains:
        hum = 0.05 * np.sin(2 * np.pi * mains * ecg.times / 1000)
        ecg = ECG(ecg.signals + hum, rate, ecg.leads)
    assert find_mains(ecg) == mains


def test_what_cannot_be_filtered_is_said():
    ecg = synthetic_ecg(beats=1)
    with pytest.raises(InputError, match="needs 2000 ms of ECG; this one lasts 1000 ms"):
        remove_baseline(ecg)
    with pytest.raises(InputError, match="outside 0 to 500 Hz"):
        remove_muscle(ecg, 600)
    with pytest.raises(InputError, match="cannot be resampled to 0 Hz"):
        resample(ecg, 0)
