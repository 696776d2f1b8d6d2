"""Bounds of waves, against ECGs whose waves begin and end where it is known."""

import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import P, Q, R, S, T, Wave, synthetic_ecg, true_fiducials
from twin.meshes.errors import InputError
from twin.simulation.recording.beats import Beat, average_beat
from twin.simulation.recording.delineation import delineate

# ms; the CSE working party's two standard deviations between five cardiologists are P onset 10.2,
# P end 12.7, QRS onset 6.5, QRS end 11.6, T end 30.6 (1985, Eur Heart J 6:815).
# One sampling interval is allowed on top.
TOLERANCES = {
    "p_onset": 12,
    "p_end": 13,
    "qrs_onset": 6.5,
    "qrs_end": 10,
    "t_peak": 10,
    "t_end": 15,
}


def errors(ecg):
    """ms between what is found and what is true, the beat laid by its R in lead II."""
    beat = average_beat(ecg)
    marks = delineate(beat)
    r_time = beat.ecg.lead("II").argmax() * 1000 / ecg.rate
    alone = synthetic_ecg(beats=1, waves=(Q, R, S)).lead("II").argmax() - 300
    truth = true_fiducials(r_time - alone)
    return {name: getattr(marks, name) - getattr(truth, name) for name in TOLERANCES}


@pytest.mark.parametrize("rate", [250, 360, 500, 1000])
@pytest.mark.parametrize(("noise", "wander"), [(0, 0), (0.01, 0.3), (0.03, 0.5)])
@pytest.mark.parametrize("interval", [700, 900, 1200])
def test_known_bounds_are_found(rate, noise, wander, interval):
    found = errors(
        synthetic_ecg(rate=rate, beats=12, noise=noise, wander=wander, interval=interval)
    )
    for name, tolerance in TOLERANCES.items():
        assert abs(found[name]) <= tolerance + 1000 / rate, (name, found)


def test_amplitude_does_not_move_bounds():
    small = [
        Wave(w.start, w.peak, w.end, tuple(0.4 * v for v in w.vector)) for w in (P, Q, R, S, T)
    ]
    beat, weak = average_beat(synthetic_ecg()), average_beat(synthetic_ecg(waves=tuple(small)))
    assert delineate(beat).qrs_onset == delineate(weak).qrs_onset
    assert delineate(beat).t_end == pytest.approx(delineate(weak).t_end, abs=0.5)


def test_a_simulated_beat_begins_at_its_first_sample():
    ecg = synthetic_ecg(beats=1, waves=(Q, R, S, T)).between(300, 760)
    marks = delineate(average_beat(ecg))
    assert marks.qrs_onset <= 4
    assert abs(marks.qrs_end - 90) <= 6
    assert abs(marks.t_end - T.tangent_end) <= 8
    assert marks.p_onset is None


def test_no_p_and_no_t_where_there_are_none():
    marks = delineate(average_beat(synthetic_ecg(waves=(Q, R, S), noise=0.01)))
    assert marks.p_onset is None
    assert marks.t_end is None


def test_an_inverted_and_a_two_phased_t():
    inverted = Wave(T.start, T.peak, T.end, tuple(-v for v in T.vector))
    first, second = Wave(150, 220, 290, (-0.2, -0.2, 0.1)), Wave(280, 330, 390, (0.2, 0.2, -0.1))
    upside = average_beat(synthetic_ecg(waves=(P, Q, R, S, inverted)))
    onset = delineate(upside).qrs_onset
    assert abs(delineate(upside).t_end - onset - T.tangent_end) <= 12
    biphasic = delineate(average_beat(synthetic_ecg(waves=(P, Q, R, S, first, second))))
    assert abs(biphasic.t_end - biphasic.qrs_onset - second.tangent_end) <= 12


def test_a_wide_qrs_is_wide():
    wide = tuple(Wave(2 * w.start, 2 * w.peak, 2 * w.end, w.vector) for w in (Q, R, S))
    late = Wave(300, 400, 480, T.vector)
    marks = delineate(average_beat(synthetic_ecg(waves=(*wide, late), interval=1000)))
    assert abs(marks.qrs_end - marks.qrs_onset - 180) <= 10


def test_too_short_a_beat_is_refused():
    ecg = synthetic_ecg(beats=1).between(320, 360)
    with pytest.raises(InputError, match="too short for a QRS"):
        delineate(Beat(ecg, 20.0, None, 1, 0))


def test_the_same_every_time():
    ecg = synthetic_ecg(noise=0.05)
    again = [delineate(average_beat(ecg)) for _ in range(2)]
    assert again[0] == again[1]
    assert np.isfinite(list(vars(again[0]).values())).all()
