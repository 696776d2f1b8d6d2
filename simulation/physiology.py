"""How one person's heart works electrically: what is not anatomy, as one noun."""

from dataclasses import dataclass, field, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.purkinje import Purkinje, PurkinjeRule
from twin.simulation.repolarisation import DurationGradients, ElectrotonicCoupling
from twin.simulation.tissue import Tissue


@dataclass(frozen=True)
class Physiology:
    """Conduction and repolarisation in health.

    speeds: of the front along fibre, sheet and normal, mm/ms.
    purkinje, tree_seed: how the conduction system is grown.
    durations: of the action potentials, ms.
    coupling: length over which neighbours even out their repolarisation, mm.
    """

    speeds: tuple[float, float, float] = (0.60, 0.30, 0.25)
    purkinje: PurkinjeRule = field(default_factory=PurkinjeRule)
    tree_seed: int = 0
    durations: DurationGradients = field(default_factory=DurationGradients)
    coupling: float = 3.0

    @staticmethod
    def healthy() -> "Physiology":
        """The mean of the healthy population."""
        return Physiology()

    @staticmethod
    def sample(seed: int) -> "Physiology":
        """One healthy person's; the same seed gives the same. docs/forward_ecg.md has the spreads
        and where they are from."""
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
            raise InputError(f"seed is {seed!r}; expected a whole number, 0 or more")
        # Apart from the draws of `sample_heart`, which the same seed begins.
        random = np.random.default_rng([int(seed), 1])
        mean = Physiology()
        scale = 1 + SPEED_SPREAD * _draw(random)
        v_f, v_s, v_n = mean.speeds
        return replace(
            mean,
            speeds=(v_f * scale, v_s * scale, v_n * scale),
            purkinje=_vary_tree(mean.purkinje, random),
            tree_seed=int(random.integers(2**31)),
            durations=_vary_durations(mean.durations, random),
        )

    def tissue(self, heart: Heart) -> Tissue:
        return Tissue.healthy(heart, *self.speeds)

    def tree(self, heart: Heart) -> Purkinje:
        return Purkinje.grow(heart, self.purkinje, self.tree_seed)

    def action_potential_durations(
        self, heart: Heart, arrival_times: Float[np.ndarray, " points"]
    ) -> Float[Array, " points"]:
        """APD90 of each node, ms, evened out between neighbours that are activated so."""
        coupling = ElectrotonicCoupling.of(heart, self.coupling)
        return coupling.durations(
            jnp.asarray(arrival_times), jnp.asarray(self.durations.durations(heart))
        )


SPEED_SPREAD = 0.05
TREE_SPREAD = 0.05
DURATION_SPREAD = 0.04
GRADIENT_SPREAD = 0.15
"""Standard deviations as shares of the mean."""

FARTHEST_DRAW = 2.0
"""Standard deviations; health does not reach beyond."""


def _draw(random: np.random.Generator) -> float:
    return float(np.clip(random.normal(), -FARTHEST_DRAW, FARTHEST_DRAW))


def _vary_tree(rule: PurkinjeRule, random: np.random.Generator) -> PurkinjeRule:
    factor = 1 + TREE_SPREAD * _draw(random)
    left, right = rule.network_speed
    return replace(rule, speed=rule.speed * factor, network_speed=(left * factor, right * factor))


def _vary_durations(mean: DurationGradients, random: np.random.Generator) -> DurationGradients:
    gradients = [name for name in vars(mean) if name != "mean"]
    drawn = {n: getattr(mean, n) * (1 + GRADIENT_SPREAD * _draw(random)) for n in gradients}
    return DurationGradients(mean=mean.mean * (1 + DURATION_SPREAD * _draw(random)), **drawn)
