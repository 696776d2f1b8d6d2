"""One simulated heartbeat: when each place is activated and recovers, and the ECG of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from twin.meshes.heart import Heart
from twin.meshes.torso import Torso
from twin.simulation.action_potential import CYCLE, ActionPotentials
from twin.simulation.activation import Activation
from twin.simulation.ecg import ECG
from twin.simulation.recording.measures import Measures


@dataclass(frozen=True, eq=False)
class HeartBeat:
    """What `Simulation.run` makes. Times are ms of the activation's clock, potentials mV.

    `durations` are those of the action potentials (APD90) at the heart's nodes.
    """

    heart: Heart
    torso: Torso
    activation: Activation
    durations: Float[np.ndarray, " points"]
    action_potentials: ActionPotentials
    ecg: ECG
    remarks: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def repolarisation_times(self) -> Float[np.ndarray, " points"]:
        """ms; infinite where no front comes."""
        return self.activation.times + self.durations

    def potentials(self, time: float) -> Float[np.ndarray, " points"]:
        """Transmembrane potential of each node, mV; at rest where no front comes."""
        return self.action_potentials.at(time - self.activation.times, self.durations)

    @cached_property
    def measures(self) -> Measures:
        """Of the ECG, at the rate at which the cells were paced."""
        return self.ecg.measure(interval=CYCLE)
