"""A taught network with what makes its answers honest, as a folder: weights, library of infarcts,
calibration, recipe and card."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from twin.inverse.beat import levelled
from twin.inverse.calibration import Calibration
from twin.inverse.finding import Answer, Verdict
from twin.inverse.lattice import LATTICE, PLACES
from twin.inverse.library import Library
from twin.inverse.model_folder import of_this_version, read_folder, shipped, write_folder
from twin.inverse.networks.infarct_net import InfarctNet
from twin.inverse.posterior import Posterior
from twin.inverse.training.examples import Ground
from twin.inverse.training.recipe import TrainingRecipe
from twin.simulation.infarct import Zone

LEAST = 0.05
"""Probability of an infarct below which beliefs of single places say nothing of where."""

SAMPLES = 256
"""Infarcts that a posterior keeps."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the network says of one beat, before calibration: logits at the nodes and at the places
    of the lattice, and the probability of there being an infarct."""

    belief: Float[np.ndarray, "nodes 3"]
    answer: Float[np.ndarray, "nodes 3"]
    belief_places: Float[np.ndarray, "places 3"]
    answer_places: Float[np.ndarray, "places 3"]
    infarct: float


@dataclass(frozen=True, eq=False)
class Model:
    """`card` says what it was taught and how well it answers."""

    network: InfarctNet
    library: Library
    calibration: Calibration
    recipe: TrainingRecipe
    card: Mapping[str, object]

    @staticmethod
    def read(folder: str | Path | None = None) -> "Model":
        """From a folder that `twin train` wrote; else the one that comes with the package."""
        place = Path(folder) if folder else shipped("twin.inverse")
        tensors, words = read_folder(place, "twin train")
        with of_this_version(place):
            library = Library.unpacked(tensors.pop("library").numpy())
            recipe = TrainingRecipe.model_validate(words["recipe"])
            calibration = Calibration.model_validate(words["calibration"])
            network = InfarctNet(recipe.network.sizes)
            network.load_state_dict(tensors)
            return Model(network.eval(), library, calibration, recipe, words["card"])

    def write(self, folder: Path) -> None:
        """Weights and library in one file, all that can be read by people in the other."""
        tensors = {**self.network.state_dict(), "library": torch.from_numpy(self.library.packed())}
        words = {
            "recipe": self.recipe.model_dump(),
            "calibration": self.calibration.model_dump(),
            "card": dict(self.card),
        }
        write_folder(folder, tensors, words)

    def calibrated(self, calibration: Calibration) -> "Model":
        return replace(self, calibration=calibration)

    @torch.no_grad()
    def read_beat(
        self,
        ground: Ground,
        beat: Float[np.ndarray, "8 time"],
        present: Bool[np.ndarray, " 8"],
    ) -> Reading:
        """`beat` is `levelled`; what it has in leads that are not present does not matter."""
        latent, infarct = self.latents(ground, beat, present)
        belief, answer = self.at_nodes(latent, ground)
        belief_places, answer_places = self.network.at_nodes(latent, *self.places)
        return Reading(
            belief,
            answer,
            belief_places[0].float().numpy(),
            answer_places[0].float().numpy(),
            float(infarct.sigmoid()),
        )

    def latents(self, ground: Ground, beat, present) -> tuple[Tensor, Tensor]:
        """Of one beat: what the network knows of every place, and of there being an infarct."""
        seen = np.where(present[:, None], beat, 0.0).astype(np.float32)
        return self.network.places(
            torch.from_numpy(seen)[None],
            torch.from_numpy(present)[None],
            torch.from_numpy(ground.portrait.features)[None],
            torch.from_numpy(levelled(ground.portrait.reference))[None],
        )

    @torch.no_grad()
    def at_nodes(self, latent: Tensor, ground: Ground):
        """Logits of belief and answer at all nodes of the heart."""
        placement = ground.portrait.placement
        given = placement.places.astype(np.int64), placement.weights, ground.within
        nodes, weights, within = (torch.from_numpy(x)[None] for x in given)
        belief, answer = self.network.at_nodes(latent, nodes, weights, within)
        return belief[0].float().numpy(), answer[0].float().numpy()

    @cached_property
    def places(self) -> tuple[Tensor, Tensor, Tensor]:
        """The places of the lattice as nodes."""
        c = LATTICE.coordinates
        within = np.stack([c.transmural, c.apicobasal, c.ventricle], axis=1).astype(np.float32)
        nodes = torch.arange(PLACES)[:, None].expand(-1, 8)
        weights = torch.zeros(PLACES, 8)
        weights[:, 0] = 1.0
        return nodes[None], weights[None], torch.from_numpy(within)[None]

    def posterior(self, ground: Ground, reading: Reading) -> Posterior:
        """The calibrated answer."""
        calibration, placement = self.calibration, ground.portrait.placement
        places = softmax(reading.belief_places / calibration.temperature)
        # Given that there is an infarct: all samples are of one.
        scar = np.minimum(places[:, Zone.SCAR] / max(reading.infarct, LEAST), 1.0)
        weights = self.library.weights(scar, calibration.slack)
        # The likeliest alone: drawn by weight from all, held-out patients' intervals are wider.
        kept = np.argsort(weights)[::-1][:SAMPLES]
        samples = np.concatenate([self.library.zones[kept], np.zeros((1, PLACES), np.int8)])
        shares = reading.infarct * weights[kept] / weights[kept].sum()
        shares = np.append(shares, 1 - reading.infarct)
        return Posterior(
            placement=placement,
            probabilities=softmax(reading.belief / calibration.temperature),
            samples=samples,
            weights=shares,
            healthy=1 - reading.infarct,
            spread=_spread(samples, shares, placement),
            margins=calibration.margins,
            decided=self.decided(reading),
        )

    def decided(self, reading: Reading) -> np.ndarray:
        """The zones that overlap best; none where there is said to be no infarct."""
        if reading.infarct < self.calibration.infarct_from:
            return np.zeros(len(reading.answer), np.int8)
        return reading.answer.argmax(axis=1).astype(np.int8)

    def verdict(self, posterior: Posterior, reading: Reading) -> Verdict:
        """Whether there is an infarct, and whether its place is known."""
        if reading.infarct < self.calibration.infarct_from:
            reason = (
                "the ECG is no more unusual than those of healthy hearts: the network's "
                f"probability of an infarct, {reading.infarct:.0%}, is below the "
                f"{self.calibration.infarct_from:.0%} that few healthy hearts reach"
            )
            return Verdict(Answer.HEALTHY, reason, 1 - reading.infarct)
        expected = expected_dice(posterior, reading.answer_places.argmax(axis=1) == Zone.SCAR)
        if expected < self.calibration.told_from:
            reason = (
                f"infarcts that overlap each other little ({expected:.2f} expected Dice) would "
                "explain it about as well"
            )
            return Verdict(Answer.UNKNOWN, reason, expected)
        reason = f"the scar shown is expected to overlap the true one with a Dice of {expected:.2f}"
        return Verdict(Answer.INFARCT, reason, expected)


def expected_dice(posterior: Posterior, scar: Bool[np.ndarray, " places"]) -> float:
    """Of a scar on the lattice with those that are plausible, by mass."""
    mass = posterior.placement.masses
    drawn = posterior.samples == Zone.SCAR
    both = (drawn & scar) @ mass
    each = 2 * both / np.maximum(drawn @ mass + (scar * mass).sum(), 1e-9)
    return float(each @ posterior.weights)


def softmax(logits: Float[np.ndarray, "rows zones"]) -> Float[np.ndarray, "rows zones"]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _spread(samples, weights, placement) -> Float[np.ndarray, " nodes"]:
    scar = weights @ (samples == Zone.SCAR)
    # Weights add up to 1 but for rounding.
    return placement.spread(np.sqrt(np.clip(scar * (1 - scar), 0, None))).astype(np.float32)
