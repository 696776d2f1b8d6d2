"""Beats: found, aligned, averaged, whatever is in the way."""

from dataclasses import replace

import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import DOWER, P, Q, R, S, T, Wave, synthetic_ecg
from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.recording.beats import average_beat, find_beats, plausible_rates
from twin.simulation.recording.quality import limb_residual

R_TIMES = 300 + 42 + 900 * np.arange(10)


@pytest.mark.parametrize("rate", [250, 500, 1000])
@pytest.mark.parametrize(("noise", "wander"), [(0, 0), (0.1, 0), (0.02, 1.0)])
def test_every_beat_is_found_once(rate, noise, wander):
    found = find_beats(synthetic_ecg(rate=rate, noise=noise, wander=wander)) * 1000 / rate
    assert len(found) == 10
    assert np.abs(found - R_TIMES).max() < 25


def test_one_bad_lead_and_one_artefact_do_not_matter():
    ecg = synthetic_ecg(noise=0.02)
    signals = np.array(ecg.signals)
    signals[7] = 2 * np.random.default_rng(1).standard_normal(signals.shape[1])
    signals[:, 5300:5310] += 8
    found = find_beats(replace(ecg, signals=signals))
    assert all(np.abs(found - r).min() < 30 for r in R_TIMES)
    assert len(found) <= 11


def test_average_is_the_beat_without_the_noise():
    beat = average_beat(synthetic_ecg(beats=30, noise=0.05, wander=0.5, seed=3))
    clean = average_beat(synthetic_ecg(beats=30))
    assert beat.members >= 28
    assert beat.interval == pytest.approx(900, abs=4)
    shift = round(clean.reference - beat.reference)
    assert shift == 0
    lag = int(np.argmax(np.correlate(beat.ecg.lead("II"), clean.ecg.lead("II"), "full")))
    aligned = np.roll(beat.ecg.signals, clean.ecg.signals.shape[1] - 1 - lag, axis=1)
    assert np.abs(aligned - clean.ecg.signals)[:, 20:-20].max() < 0.06


def test_averaging_keeps_einthovens_law():
    beat = average_beat(synthetic_ecg(noise=0.05, wander=0.5))
    assert limb_residual(beat.ecg.signals[:6]) < 1e-6


def test_unlike_beats_are_left_out():
    ecg = synthetic_ecg()
    signals = np.array(ecg.signals)
    strange = Wave(-20, 60, 160, (-1.2, 0.4, 1.0)).at(ecg.times - 300 - 3 * 900)
    odd = synthetic_ecg(waves=(Wave(0, 1, 2, (0, 0, 0)),))
    window = slice(300 + 3 * 900 - 200, 300 + 3 * 900 + 500)
    leads = DOWER @ strange
    signals[:, window] = odd.signals[:, window]
    signals[[0, 1, 6, 7, 8, 9, 10, 11], window] += leads[:, window]
    beat = average_beat(replace(ecg, signals=signals))
    assert beat.strangers == 1


def test_a_lone_beat_is_kept_as_it_is():
    ecg = synthetic_ecg(beats=1, waves=(Q, R, S, T)).between(300, 700)
    beat = average_beat(ecg)
    assert (beat.members, beat.interval) == (1, None)
    assert beat.ecg is ecg
    assert abs(beat.reference - 42) < 25


def test_no_beat_is_an_error():
    with pytest.raises(InputError, match="no heart beat"):
        average_beat(ECG(np.zeros((2, 3000)), 500, ("I", "II")))


@pytest.mark.parametrize("rate", [250, 500, 1000])
def test_the_heart_tells_the_rate(rate):
    ecg = synthetic_ecg(rate=rate, noise=0.01, waves=(P, Q, R, S, T))
    assert plausible_rates(ecg.signals) == [rate]
