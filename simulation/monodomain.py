"""The monodomain equation on a heart's tetrahedra or a shell's triangles.

    chi (Cm dV/dt + I_ion) = div(sigma grad V) + I_stim

by linear finite elements in space. In time, forward Euler for V with the cell model's own step for
its other variables (Rush and Larsen's, for gates), or operator splitting with implicit diffusion.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.meshes.shell import Shell
from twin.simulation.ionic.cell import CellModel, resting_cells
from twin.simulation.reaction_diffusion.adaptive import Marcher
from twin.simulation.reaction_diffusion.checkpoint import Checkpoint
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.diffusion import Diffusion
from twin.simulation.reaction_diffusion.marching import march
from twin.simulation.reaction_diffusion.mass import LUMPED, BalancedMass, Mass
from twin.simulation.reaction_diffusion.propagation import Observer, Propagation, propagate
from twin.simulation.reaction_diffusion.stability import Stability
from twin.simulation.reaction_diffusion.stepping import Equation, TissueState
from twin.simulation.reaction_diffusion.stimulus import Stimulus


@dataclass(frozen=True, eq=False)
class Monodomain:
    """A tissue ready to run: `Monodomain.of(heart, cell).run(stimulus, 500.0)`."""

    mesh: Heart | Shell
    equation: Equation
    stability: Stability
    longest_step: float
    """ms; up to which `run` takes steps together where nothing happens fast."""

    @staticmethod
    def of(
        mesh: Heart | Shell,
        cell: CellModel,
        tissue: TissueConductivity | None = None,
        *,
        time_step: float = 0.02,
        longest_step: float | None = None,
        implicit: bool = False,
        mass: Mass = LUMPED,
        threshold: float | None = None,
        carries_front: bool = True,
        slivers: bool = False,
        kind=np.float32,
    ) -> "Monodomain":
        """`time_step` in ms. With `implicit` diffusion a step may be longer than `stability`
        allows explicit ones, up to what the cell stands. Where nothing happens fast, steps are
        taken together up to `longest_step` (`adaptive`); one at a time unless it is given.

        Nodes count as activated when they rise through `threshold` mV, the cell's own unless given.
        The mesh may be too coarse for fronts if it is not to carry any. `kind` is float32 or
        float64. With `slivers` a few elements too small for the step are let pass: their nodes
        count as more tissue than they have.
        """
        tissue = tissue or TissueConductivity.uniform(mesh)
        if not 0 < time_step < 10:
            raise InputError(f"time step: {time_step} ms, expected above 0 and below 10")
        if slivers and mass != LUMPED:
            raise InputError("slivers can only be let pass with lumped mass")
        diffusion = Diffusion.of(mesh, tissue, mass, kind, time_step if slivers else 0.0)
        stability = Stability.of(mesh, diffusion, tissue)
        stability.check_step(time_step, implicit)
        longest_step = max(time_step, longest_step or time_step)
        stability.check_step(longest_step, implicit)
        if carries_front:
            stability.check_mesh(cell, isinstance(mass, BalancedMass))
        equation = Equation(
            _as_kind(cell, kind, len(mesh.points)),
            diffusion,
            jnp.asarray(_excitable(mesh, tissue)),
            float(time_step),
            float(cell.threshold if threshold is None else threshold),
            float(cell.resting_state[0]),
            implicit=implicit,
        )
        return Monodomain(mesh, equation, stability, float(longest_step))

    @property
    def kind(self) -> np.dtype:
        return np.dtype(self.equation.diffusion.volumes.dtype)

    def at_rest(
        self, state: Float[np.ndarray, " variables"] | Sequence[float] | None = None
    ) -> TissueState:
        """Every node in the cell's resting state, or in another one of it."""
        if state is None:
            return TissueState.of(resting_cells(self.equation.cell, self.nodes).astype(self.kind))
        columns = jnp.asarray(state, self.kind)
        wanted = len(self.equation.cell.variables)
        if columns.shape[0] != wanted or not np.isfinite(np.asarray(columns)).all():
            raise InputError(
                f"cell state: {columns.shape[0]} numbers, expected {wanted} finite ones: "
                f"{', '.join(self.equation.cell.variables)}"
            )
        shape = (wanted, self.nodes)
        whole = columns if columns.shape == shape else jnp.broadcast_to(columns[:, None], shape)
        return TissueState.of(whole)

    @property
    def nodes(self) -> int:
        return len(self.mesh.points)

    def steps(self, duration: float) -> int:
        return round(duration / self.equation.time_step)

    def march(self, state: TissueState, stimulus: Stimulus, steps: int) -> TissueState:
        """The state `steps` steps later: pure, under jit, vmap and grad; nothing is checked."""
        return march(self.equation, state, stimulus, steps)

    def run(
        self,
        stimulus: Stimulus,
        duration: float,
        *,
        start: TissueState | None = None,
        every: float = 1.0,
        observers: Sequence[Observer] = (),
        checkpoint: Checkpoint | None = None,
        progress: Progress = silent,
    ) -> Propagation:
        """`duration` ms from `start`, or from rest. `observers` see the potential at the start and
        then each `every` ms. With a `checkpoint`, a run that was killed goes on where it last saved
        itself, and ends with the same bits as if it had not been."""
        if stimulus.onsets.shape[1] != self.nodes:
            raise InputError(
                f"stimulus for {stimulus.onsets.shape[1]:,} nodes, the mesh has {self.nodes:,}"
            )
        names = tuple(observer.name for observer in observers)
        if len(set(names)) < len(names):
            raise InputError(f"observers: two have one name ({', '.join(names)}); rename one")
        state = start or self.at_rest()
        stimulus = stimulus.astype(self.kind)
        return propagate(
            Marcher(self.equation, stimulus, self.longest_step),
            state,
            self.equation.time_step,
            self.steps(duration),
            max(1, self.steps(every)),
            tuple(observers),
            checkpoint,
            self.stability,
            (self.mesh.content, names, every, self.equation, stimulus, self.longest_step),
            progress,
        )


def _excitable(mesh: Heart | Shell, tissue: TissueConductivity) -> np.ndarray:
    """Nodes of at least one element that conducts and has membranes of its own."""
    excitable = np.zeros(len(mesh.points), bool)
    excitable[mesh.elements[~(tissue.blocked | tissue.passive)].ravel()] = True
    return excitable


def _as_kind(cell: CellModel, kind, nodes: int) -> CellModel:
    """The cell with parameters that differ between nodes in the tissue's precision."""

    def cast(leaf):
        if not np.ndim(leaf):
            return leaf
        if np.shape(leaf) != (nodes,):
            raise InputError(
                f"a cell's parameter has the shape {np.shape(leaf)}, expected one number or one a "
                f"node: ({nodes:,},)"
            )
        return jnp.asarray(leaf, kind)

    return jax.tree.map(cast, cell)
