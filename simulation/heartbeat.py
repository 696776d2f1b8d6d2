"""One simulated heartbeat: when each place is activated and recovers, and the ECG of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from twin.meshes.heart import Heart
from twin.meshes.torso import Torso
from twin.simulation.action_potential import CYCLE, ActionPotentials
from twin.simulation.activation import Activation
from twin.simulation.ecg import ECG
from twin.simulation.recording.beats import Beat, independent_leads
from twin.simulation.recording.delineation import delineate
from twin.simulation.recording.measures import Measures, measure_beat

STRIP = 10_000.0
"""ms that an ECG on paper usually lasts."""


@dataclass(frozen=True, eq=False)
class RecordedPotentials:
    """Potentials (mV) at the nodes at evenly spaced `times` (ms)."""

    times: Float[np.ndarray, " times"]
    potentials: Float[np.ndarray, "times points"]

    def at(self, time: float) -> Float[np.ndarray, " points"]:
        """Those nearest in time."""
        return self.potentials[int(np.abs(self.times - time).argmin())]


@dataclass(frozen=True, eq=False)
class HeartBeat:
    """What `Simulation.run` makes. Times are ms of the activation's clock, potentials mV.

    `recorded` are potentials that a reaction-diffusion run left; without them they follow from
    activation, durations and the action potentials.
    `durations` are those of the action potentials (APD90) at the heart's nodes; `start` is the
    time of the ECG's first sample.
    """

    heart: Heart
    torso: Torso
    activation: Activation
    durations: Float[np.ndarray, " points"]
    action_potentials: ActionPotentials
    ecg: ECG
    start: float
    recorded: RecordedPotentials | None = None
    remarks: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def repolarisation_times(self) -> Float[np.ndarray, " points"]:
        """ms; infinite where no front comes."""
        return self.activation.times + self.durations

    def potentials(self, time: float) -> Float[np.ndarray, " points"]:
        """Transmembrane potential of each node, mV; at rest where no front comes."""
        if self.recorded is not None:
            return self.recorded.at(time)
        return self.action_potentials.at(time - self.activation.times, self.durations)

    @cached_property
    def rhythm(self) -> ECG:
        """The beat again and again for `STRIP` ms, as often as the cells were paced."""
        ecg = self.ecg
        interval = max(CYCLE, ecg.duration)
        # Between beats all cells are at rest, and no current flows.
        rest = np.zeros((len(ecg.leads), round(interval * ecg.rate / 1000) - ecg.signals.shape[1]))
        beats = int(np.ceil(STRIP / interval))
        signals = np.tile(np.hstack([ecg.signals, rest]), beats)
        repeated = replace(ecg, signals=signals, remarks=(*ecg.remarks, "one beat repeated"))
        return repeated.between(0, min(STRIP, repeated.duration))

    @cached_property
    def measures(self) -> Measures:
        """Of the ECG, by the way of a measured one."""
        times = self.activation.times[np.isfinite(self.activation.times)] - self.start
        return measure_between(self.ecg, float(times.min()), float(times.max()))


def measure_between(ecg: ECG, first: float, last: float) -> Measures:
    """Of a simulated beat, by the way of a measured one. The QRS is known to be where the heart is
    activated, from `first` to `last` ms of the ECG, so that a tall T is not taken for it."""
    first, last = np.clip([first, last], 0, ecg.duration)
    within = (ecg.times >= first) & (ecg.times <= last)
    speed = np.linalg.norm(np.gradient(independent_leads(ecg), axis=1), axis=0)
    steepest = ecg.times[np.argmax(np.where(within, speed, 0))]
    beat = Beat(ecg, float(steepest), CYCLE, members=1, strangers=0)
    return measure_beat(beat, delineate(beat), interval=CYCLE)
