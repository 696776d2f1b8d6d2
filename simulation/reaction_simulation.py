"""A heartbeat by reaction and diffusion instead of from an activation map alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from hashlib import sha256
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from twin.meshes.cache import remembered
from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.simulation.action_potential import ActionPotentials
from twin.simulation.activation import Activation
from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.excitation import excite
from twin.simulation.heartbeat import HeartBeat, RecordedPotentials
from twin.simulation.ionic.bueno_orovio import BuenoOrovio
from twin.simulation.ionic.cell import CellModel, pace, resting_cells
from twin.simulation.ionic.courtemanche import Courtemanche
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.ionic.modified_mitchell_schaeffer import ModifiedMitchellSchaeffer
from twin.simulation.ionic.pacing import FORM
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.ionic.tor_ord import TorOrd
from twin.simulation.lead_weights import lead_weights
from twin.simulation.leads import INDEPENDENT
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.checkpoint import Checkpoint
from twin.simulation.reaction_diffusion.live import LiveFrames
from twin.simulation.reaction_diffusion.mass import BalancedMass
from twin.simulation.reaction_diffusion.observers import Frames, Signals
from twin.simulation.reaction_diffusion.propagation import Propagation
from twin.simulation.reaction_diffusion.stimulus import Stimulus
from twin.simulation.reaction_eikonal import ReactionEikonal, conductivity_of
from twin.simulation.simulation import Simulation

CELLS: dict[str, type] = {
    "ten-tusscher-panfilov": TenTusscherPanfilov,
    "tor-ord": TorOrd,
    "bueno-orovio": BuenoOrovio,
    "courtemanche": Courtemanche,
    "mitchell-schaeffer": MitchellSchaeffer,
    "modified-mitchell-schaeffer": ModifiedMitchellSchaeffer,
}

DELAY = 5.0
"""ms by which the run's clock is ahead of the beat's, so that the first cells have time to fire."""

FACTORS = tuple(float(f) for f in np.geomspace(0.3, 8.0, 14))
"""Of ten Tusscher and Panfilov's repolarising currents, for durations on a table."""


class Model(Enum):
    """How the front gets through the heart."""

    MONODOMAIN = "monodomain"
    REACTION_EIKONAL = "reaction-eikonal"


@dataclass(frozen=True, eq=False)
class ReactionSimulation:
    """One heartbeat, ready to run, with the face of `Simulation`.

    Where the beat enters is what the settings say; their speeds become the conductivities for which
    plane fronts of the cell have them. While it runs, `live` holds frames for ParaView and a
    checkpoint from which a killed run goes on.
    """

    simulation: Simulation
    model: Model
    cell: CellModel
    live: Path
    time_step: float = 0.02

    @property
    def heart(self) -> Heart:
        return self.simulation.heart

    @property
    def settings(self):
        return self.simulation.settings

    @property
    def provenance(self) -> dict[str, object]:
        how = {"model": self.model.value, "cell": type(self.cell).__name__}
        return {**self.simulation.provenance, **how, "time_step": self.time_step}

    def run(self, progress: Progress = silent) -> HeartBeat:
        settings = self.settings
        if settings.potentials.step % 1 != 0:
            raise InputError(
                f"potentials.step: {settings.potentials.step:g} ms; with {self.model.value} it is "
                "whole ms, such as 5"
            )
        progress("arrival times", 0.0)
        activated = excite(self.heart, settings)
        progress("lead field", 0.02)
        lead_field = self.simulation.lead_field()
        weights = lead_weights(self.heart, lead_field, settings.ecg.cells)
        leads = Signals.of_corners(self.heart, weights, "leads")
        shown = settings.potentials
        live = LiveFrames(self.heart, self.live, shown.step)
        frames = Frames(shown.step, live.show if shown.write else None)
        run = self._propagate(activated, [leads, frames], _part_of(progress, 0.1))
        return self._beat(run, activated, lead_field)

    def _propagate(self, activated: Activation, observers, progress: Progress) -> Propagation:
        tissue = conductivity_of(self.settings.physiology.tissue(self.heart), type(self.cell))
        cell, _ = self._cells(activated)
        duration = self.settings.ecg.end + DELAY
        more = {
            "observers": observers,
            "checkpoint": Checkpoint(self.live / "checkpoint.h5"),
            "progress": progress,
        }
        times = activated.times + DELAY
        if self.model is Model.REACTION_EIKONAL:
            led = ReactionEikonal.of(self.heart, cell, tissue, time_step=self.time_step)
            return led.run(times, duration, **more)
        mass = BalancedMass()
        model = Monodomain.of(self.heart, cell, tissue, time_step=self.time_step, mass=mass)
        sites = early_sites(self.heart, activated.times)
        return model.run(Stimulus.spread(np.where(sites, times, np.inf)), duration, **more)

    def _cells(self, activated: Activation) -> tuple[CellModel, tuple[str, ...]]:
        """With the settings' durations where the cell has a knob for them."""
        if not isinstance(self.cell, TenTusscherPanfilov):
            remark = f"all cells are alike: {type(self.cell).__name__} keeps its own duration"
            return self.cell, (remark,)
        durations = self.settings.physiology.durations.durations(self.heart)
        return with_durations(self.cell, durations), ()

    def _beat(self, run: Propagation, activated: Activation, lead_field) -> HeartBeat:
        settings = self.settings
        ecg = _ecg(run, settings.ecg, self.provenance)
        times = run.activation_times - DELAY
        kept = run.samples["frames"]
        recorded = RecordedPotentials(np.arange(len(kept)) * settings.potentials.step - DELAY, kept)
        _, said = self._cells(activated)
        return HeartBeat(
            self.heart,
            self.simulation.torso,
            replace(activated, times=times),
            run.durations,
            ActionPotentials.of(),
            ecg,
            settings.ecg.start,
            recorded,
            remarks=(*lead_field.remarks, *activated.remarks, *said),
            provenance=self.provenance,
        )


def early_sites(heart: Heart, times: Float[np.ndarray, " points"]) -> np.ndarray:
    """Nodes where the front breaks out, earlier than all around them, and those around."""
    earliest = np.full(len(times), np.inf)
    corners = times[heart.tetrahedra]
    np.minimum.at(earliest, heart.tetrahedra.ravel(), np.repeat(corners.min(axis=1), 4))
    first = np.isfinite(times) & (times <= earliest)
    sites = np.zeros(len(times), bool)
    sites[heart.tetrahedra[first[heart.tetrahedra].any(axis=1)].ravel()] = True
    return sites & np.isfinite(times)


def with_durations(
    cell: TenTusscherPanfilov, durations: Float[np.ndarray, " points"]
) -> TenTusscherPanfilov:
    """The cell with its repolarising currents scaled to reach durations (ms, from rest)."""
    key = sha256(repr((cell, FACTORS, "first beat", FORM)).encode()).hexdigest()
    table = remembered("first_beats", key, partial(_first_beats, cell))["durations"]
    if durations.min() < table.min() or durations.max() > table.max():
        raise InputError(
            f"durations of {durations.min():.0f} to {durations.max():.0f} ms: the cell reaches "
            f"{table.min():.0f} to {table.max():.0f} ms"
        )
    factors = np.exp(np.interp(durations, table[::-1], np.log(FACTORS)[::-1]))
    return replace(cell, repolarising=jnp.asarray(factors, jnp.float32))


def _first_beats(cell: TenTusscherPanfilov) -> dict[str, np.ndarray]:
    cells = replace(cell, repolarising=jnp.asarray(FACTORS))
    _, traces = pace(cells, resting_cells(cell, len(FACTORS)), cycle=800.0, beats=1, every=25)
    lasting = np.asarray(traces) > cell.resting_state[0] + 0.1 * np.ptp(traces, axis=0)
    return {"durations": 0.5 * lasting.sum(axis=0).astype(float)}


def _ecg(run: Propagation, leads, provenance) -> ECG:
    """From rest before the run on, at the settings' rate."""
    samples = np.asarray(run.samples["leads"], float).T
    samples = samples - samples[:, :1]
    wanted = np.arange(leads.start, leads.end, 1.0)
    signals = [np.interp(wanted + DELAY, run.times, row) for row in samples]
    ecg = standard_ecg(np.array(signals), 1000.0, INDEPENDENT, provenance=provenance)
    ecg = ecg.remark(f"its first sample is at {leads.start:g} ms of the activation's clock")
    return ecg if leads.rate == ecg.rate else ecg.resample(leads.rate)


def _part_of(progress: Progress, done: float) -> Callable[[str, float], None]:
    return lambda stage, fraction: progress(stage, done + (1 - done) * fraction)
