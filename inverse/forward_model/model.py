"""The learned forward model for use: from potentials of a left atrium to twelve leads."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from twin.inverse.forward_model.network import ForwardNet, Sizes
from twin.inverse.forward_model.portrait import AtrialPortrait, with_swings
from twin.inverse.model_folder import of_this_version, read_folder, shipped, write_folder
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.torso import Torso
from twin.simulation.atria.patches import Patches
from twin.simulation.atria.takes import INTERVAL
from twin.simulation.ecg import ECG
from twin.simulation.lead_field import electrode_places
from twin.simulation.leads import STANDARD

SLOWEST, FASTEST = 50.0, 20_000.0
"""Hz"""
FARTHEST = 300.0
"""mV that no membrane's potential exceeds."""


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """`card` says what it was taught and how well it answers."""

    network: ForwardNet
    card: Mapping[str, object]

    @staticmethod
    def read(folder: str | Path | None = None) -> "ForwardModel":
        """From a folder that `twin atria train` wrote; else the one that comes with the package."""
        place = Path(folder) if folder else shipped("twin.inverse.forward_model")
        tensors, words = read_folder(place, "twin atria train")
        with of_this_version(place):
            network = ForwardNet(Sizes(**words["sizes"]))
            network.load_state_dict(tensors)
            return ForwardModel(network.eval(), words["card"])

    def write(self, folder: str | Path) -> None:
        words = {"sizes": asdict(self.network.sizes), "card": dict(self.card)}
        write_folder(Path(folder), self.network.state_dict(), words)

    @torch.no_grad()
    def prepared(self, atrium: Atrium, torso: Torso) -> "PreparedForward":
        """What depends on the anatomy alone, for any number of recordings."""
        placed = torso.place(atrium)
        patches = Patches.of(atrium)
        known = patches.known() | patches.surroundings(placed)
        portrait = AtrialPortrait.of(known, electrode_places(placed))
        views, gradients = map(torch.from_numpy, (portrait.views, portrait.gradients))
        return PreparedForward(
            self.network, patches, portrait, self.network.fields(views, gradients)
        )


@dataclass(frozen=True, eq=False)
class PreparedForward:
    """A forward model before one atrium in one torso."""

    network: ForwardNet
    patches: Patches
    portrait: AtrialPortrait
    fields: Tensor

    @torch.no_grad()
    def ecg(
        self, potentials: Float[np.ndarray, "times points"], rate: float, read: bool = True
    ) -> ECG:
        """From the membrane's potential at every node, mV, `rate` a second.

        How the tissue conducts is read from the recording itself. Without `read` the anatomy has to
        do, and the ECG is strictly linear in the potentials.
        """
        potentials = self._checked(potentials, rate)
        passage = self._passage(potentials, rate) if read else None
        # Far fewer numbers than the moments of every frame. What is taken away first gives nothing,
        # but for the rounding of single precision.
        weights = self._weights(passage).astype(np.float32)
        signals = weights @ (potentials - potentials[0, 0]).T
        return ECG(signals.astype(float), rate, STANDARD)

    @torch.no_grad()
    def weights(
        self, potentials: Float[np.ndarray, "times points"] | None = None, rate: float = 500.0
    ) -> Float[np.ndarray, "12 points"]:
        """Each lead as a weight for every node, which add up to 0: ECG = weights @ potentials. The
        tissue is that of the anatomy, or as a recording tells it."""
        checked = None if potentials is None else self._checked(potentials, rate)
        passage = None if checked is None else self._passage(checked, rate)
        return self._weights(passage)

    def conductivities(
        self, potentials: Float[np.ndarray, "times points"] | None = None, rate: float = 500.0
    ) -> Float[np.ndarray, "patches 2"]:
        """What the model takes the patches' conductivities for, S/m: in all directions, and more
        along the fibres."""
        checked = None if potentials is None else self._checked(potentials, rate)
        passage = None if checked is None else self._passage(checked, rate)
        with torch.no_grad():
            return self._conductivities(passage).numpy()

    def _passage(self, potentials, rate: float) -> Float[np.ndarray, "patches 12"]:
        """At the frames that the model was taught with, or slower ones."""
        frames = max(1, round(INTERVAL * rate / 1000))
        means = self.patches.node_mean(potentials[::frames])
        return with_swings(self.patches.passage(potentials, 1000 / rate), means)

    def _weights(self, passage) -> Float[np.ndarray, "12 points"]:
        found = self._conductivities(passage)
        unit = torch.einsum("lpx,pk->lpkx", self.fields, found).numpy()
        own = -self.portrait.thickness * np.einsum("lpkx,xy->lpky", unit, self.portrait.frame)
        return np.asarray((self.patches.moment_weights.T @ own.reshape(len(own), -1).T).T)

    def _conductivities(self, passage) -> Tensor:
        seen = None if passage is None else torch.from_numpy(np.asarray(passage, np.float32))
        known = self.portrait
        tissue, areas, near = map(torch.from_numpy, (known.tissue, known.areas, known.near))
        return self.network.conductivities(tissue, areas, near, seen)

    def _checked(self, potentials, rate: float) -> Float[np.ndarray, "times points"]:
        nodes = len(self.patches.atrium.points)
        values = np.asarray(potentials, np.float32)
        if values.ndim != 2 or values.shape[1] != nodes:
            shape = " x ".join(map(str, values.shape)) or "a number"
            raise InputError(f"potentials are {shape}, expected times x {nodes:,} nodes")
        if not SLOWEST <= rate <= FASTEST:
            raise InputError(f"rate: {rate:g} Hz, expected {SLOWEST:g} to {FASTEST:g}")
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        if not np.isfinite([low, high]).all():
            raise InputError("potentials: not all of them are finite numbers")
        if (largest := max(-low, high)) > FARTHEST:
            raise InputError(
                f"potentials reach {largest:.4g}; expected mV, within {FARTHEST:g} of 0"
            )
        if 0 < largest < 1:
            raise InputError(f"potentials reach {largest:.2g}; expected mV, not V")
        return values
