"""A spiral on an atrial shell: does it last, and does stopping in the middle change a bit?"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import jax
import numpy as np
import trimesh

from twin.benchmarks.figure import Figure, at_least, at_most
from twin.meshes.shell import Shell
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.checkpoint import Checkpoint
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.observers import Probes
from twin.simulation.reaction_diffusion.reentry import (
    cycle_lengths,
    loop_of_states,
    spiral_phases,
    state_of_phases,
)
from twin.simulation.reaction_diffusion.stimulus import Stimulus

RADII = np.array([24.0, 20.0, 28.0])
TIME_STEP = 0.1
SETTLING = 1000.0
"""ms in which the wave finds its cycle: from 435 down to 176 ms, then 171 to 174."""
CELL = MitchellSchaeffer(tau_in=0.3, tau_out=6.0, tau_open=90.0, tau_close=60.0)


def figures(quick: bool) -> Iterator[Figure]:
    duration = 600.0 if quick else 5000.0
    shell = atrium()
    model, start = spiral(shell)
    probes = Probes.near(shell, np.array([[24.0, 0, 0], [0, 20.0, 0], [-24.0, 0, 0]]))
    rest = Stimulus.none(model.nodes)
    whole = model.run(rest, duration, start=start, observers=[probes])
    potentials = whole.samples["probes"]
    settled = potentials[round(min(SETTLING, duration / 3)) :]
    lengths = [cycle_lengths(p, 1.0) for p in settled.T]
    last = [float(p[-400:].max()) for p in potentials.T]
    spread = max(float(x.std() / x.mean()) if len(x) > 1 else np.inf for x in lengths)
    how = (
        f"Mitchell-Schaeffer on an ellipsoidal shell of {len(shell.points):,} nodes with a hole, "
        f"{duration:g} ms; cycles of {np.mean(np.concatenate(lengths)):.1f} ms at three probes"
    )
    alive = sum(v > 0 for v in last)
    yield at_least("spiral_probes_alive", alive, 3, "", f"above 0 mV in the last 400 ms; {how}")
    how = f"standard deviation over mean of cycles once settled, the largest of 3 probes; {how}"
    yield at_most("spiral_cycle_spread", spread, 0.05, "", how)
    yield _restarted(model, start, rest, probes, duration, whole)


def atrium() -> Shell:
    """An ellipsoid with a hole for the valve; fibres run round it."""
    sphere = trimesh.creation.icosphere(subdivisions=4)
    triangles = sphere.faces[sphere.vertices[sphere.faces].mean(axis=1)[:, 2] > -0.8]
    used, own = np.unique(triangles, return_inverse=True)
    points = sphere.vertices[used] * RADII
    triangles = own.reshape(-1, 3)
    centres = points[triangles].mean(axis=1)
    around = np.cross([0.0, 0.0, 1.0], centres) + np.array([1e-3, 0, 0])
    return Shell(points.astype(np.float32), triangles, around)


def spiral(shell: Shell):
    """The tissue, and a state from phases that turn around the roof."""
    tissue = TissueConductivity.uniform(shell, 0.10, 0.05)
    model = Monodomain.of(shell, CELL, tissue, time_step=TIME_STEP)
    phases = spiral_phases(shell.points, np.zeros(3), np.array([0.0, 0.0, 1.0]))
    return model, state_of_phases(loop_of_states(CELL, cycle=240.0, time_step=0.05), phases)


def _restarted(model, start, rest, probes, duration, whole) -> Figure:
    """Half of it, saved; read again by another run of the whole."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        interrupted = _Interruption(duration / 2)
        with suppress(KeyboardInterrupt):
            model.run(
                rest, duration, start=start, observers=[probes],
                checkpoint=Checkpoint(path, 0.0), progress=interrupted,
            )  # fmt: skip
        resumed = model.run(
            rest, duration, start=start, observers=[probes], checkpoint=Checkpoint(path)
        )
    pairs = zip(jax.tree.leaves(whole.state), jax.tree.leaves(resumed.state), strict=True)
    same = all(np.array_equal(a, b) for a, b in pairs)
    same &= np.array_equal(whole.samples["probes"], resumed.samples["probes"])
    how = (
        f"stopped at {duration / 2:g} of {duration:g} ms, resumed from HDF5: all variables, probes"
    )
    return at_least("restart_bits_equal", float(same), 1.0, "", how)


class _Interruption:
    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self, stage: str, fraction: float) -> None:
        if float(stage.split()[0]) >= self.time:
            raise KeyboardInterrupt
