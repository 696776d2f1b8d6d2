"""The learned forward model for use: from potentials of a left atrium to twelve leads."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from twin.inverse.forward_model.evidence import Evidence
from twin.inverse.forward_model.network import ForwardNet, Sizes
from twin.inverse.forward_model.portrait import AtrialPortrait
from twin.inverse.model_folder import of_this_version, read_folder, shipped, write_folder
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.torso import Torso
from twin.simulation.atria.passage import STEPS, Watch
from twin.simulation.atria.patches import Patches
from twin.simulation.atria.takes import INTERVAL
from twin.simulation.ecg import ECG
from twin.simulation.lead_field import electrode_places
from twin.simulation.leads import STANDARD

SLOWEST, FASTEST = 50.0, 20_000.0
"""Hz"""
BLOCK = 32
"""Frames that are turned into signals together: what they need stays in the processor's cache."""
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
        shown = self._checked(potentials, rate)
        evidence = self._evidence(shown, rate) if read else None
        # Far fewer numbers than the moments of every frame.
        weights = torch.from_numpy(self._weights(evidence).astype(np.float32))
        taken = torch.empty(BLOCK, shown.shape[1])
        signals = [
            torch.sub(part, shown[0, 0], out=taken[: len(part)]) @ weights.T
            for part in shown.split(BLOCK)
        ]
        return ECG(torch.cat(signals).T.double().numpy(), rate, STANDARD)

    @torch.no_grad()
    def weights(
        self, potentials: Float[np.ndarray, "times points"] | None = None, rate: float = 500.0
    ) -> Float[np.ndarray, "12 points"]:
        """Each lead as a weight for every node, which add up to 0: ECG = weights @ potentials. The
        tissue is that of the anatomy, or as a recording tells it."""
        shown = None if potentials is None else self._checked(potentials, rate)
        evidence = None if shown is None else self._evidence(shown, rate)
        return self._weights(evidence)

    def conductivities(
        self, potentials: Float[np.ndarray, "times points"] | None = None, rate: float = 500.0
    ) -> Float[np.ndarray, "patches 2"]:
        """What the model takes the patches' conductivities for, S/m: in all directions, and more
        along the fibres."""
        shown = None if potentials is None else self._checked(potentials, rate)
        evidence = None if shown is None else self._evidence(shown, rate)
        with torch.no_grad():
            return self._conductivities(evidence).numpy()

    def _evidence(self, potentials: Tensor, rate: float) -> Evidence:
        """From frames as far apart as those that the model was taught with, or farther."""
        frames = max(1, round(INTERVAL * rate / 1000))
        interval = frames * 1000 / rate
        passing, found = [], []
        for block, steps in _blocks(potentials, frames):
            passing.append(self._watch.passing(block, interval, steps))
            found.append((self._means @ torch.from_numpy(block))[:, : steps + 1])
        known = torch.cat([found[0][:, :1], *(part[:, 1:] for part in found)], dim=1)
        known = known.unflatten(0, (4, -1)).numpy()
        passage = self._watch.mean(passing, known.shape[2] - 1)
        gradients = known[1:].swapaxes(0, 1)
        return Evidence.of(self.portrait, passage, known[0], gradients, interval)

    @cached_property
    def _watch(self) -> Watch:
        return Watch.of(self.patches)

    @cached_property
    def _means(self) -> Tensor:
        """`Patches.mean_weights`, for both cores."""
        weights = self.patches.mean_weights
        rows, columns, values = map(
            torch.from_numpy, (weights.indptr, weights.indices, weights.data)
        )
        with warnings.catch_warnings():
            # Of torch, that its compressed rows are new.
            warnings.simplefilter("ignore", UserWarning)
            return torch.sparse_csr_tensor(rows, columns, values, list(weights.shape))

    def _weights(self, evidence: Evidence | None) -> Float[np.ndarray, "12 points"]:
        found = self._conductivities(evidence)
        unit = torch.einsum("lpx,pk->lpkx", self.fields, found).numpy()
        own = -self.portrait.thickness * np.einsum("lpkx,xy->lpky", unit, self.portrait.frame)
        return np.asarray((self.patches.moment_weights.T @ own.reshape(len(own), -1).T).T)

    def _conductivities(self, evidence: Evidence | None) -> Tensor:
        known = self.portrait
        tissue, areas, near = map(torch.from_numpy, (known.tissue, known.areas, known.near))
        return self.network.conductivities(tissue, areas, near, evidence)

    def _checked(self, potentials, rate: float) -> Tensor:
        nodes = len(self.patches.atrium.points)
        values = np.ascontiguousarray(potentials, np.float32)
        if values.ndim != 2 or values.shape[1] != nodes or not len(values):
            shape = " x ".join(map(str, values.shape)) or "a number"
            raise InputError(f"potentials are {shape}, expected times x {nodes:,} nodes")
        if not SLOWEST <= rate <= FASTEST:
            raise InputError(f"rate: {rate:g} Hz, expected {SLOWEST:g} to {FASTEST:g}")
        with warnings.catch_warnings():
            # Of torch, that it could write to what is only to be read; nothing here does.
            warnings.simplefilter("ignore", UserWarning)
            shown = torch.from_numpy(values)
        low, high = (float(x) for x in shown.aminmax())
        if not np.isfinite([low, high]).all():
            raise InputError("potentials: not all of them are finite numbers")
        if (largest := max(-low, high)) > FARTHEST:
            raise InputError(
                f"potentials reach {largest:.4g}; expected mV, within {FARTHEST:g} of 0"
            )
        if 0 < largest < 1:
            raise InputError(f"potentials reach {largest:.2g}; expected mV, not V")
        return shown


def _blocks(potentials: Tensor, frames: int) -> Iterator[tuple[np.ndarray, int]]:
    """Node after node, because what follows looks at each node's own signal: points x times, means
    of so many `frames`, and how many steps of it count. Each block begins with the last time of the
    one before, and lies where that one was."""
    count, points = len(potentials) // frames, potentials.shape[1]
    block = torch.empty(points, STEPS + 1)
    for start in range(0, max(count - 1, 1), STEPS):
        part = potentials[start * frames : min(start + STEPS + 1, count) * frames]
        if frames > 1:
            part = part.unflatten(0, (-1, frames)).mean(1)
        # Taking off what is common to all gives nothing, and turns them at once on all cores.
        torch.sub(part.t(), potentials[0, 0], out=block[:, : len(part)])
        yield block.numpy(), len(part) - 1
