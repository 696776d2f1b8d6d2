"""PAA-Net as a line of the table."""

import json
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from twin.inverse.networks.paa_net import PAANet, Shape, carrying
from twin.inverse.protocol.paa_cloud import clouds, features_of_nodes, together
from twin.inverse.protocol.paa_signals import Kind, signals
from twin.inverse.protocol.paa_training import CARD, WEIGHTS, fast
from twin.inverse.protocol.part import Part
from twin.inverse.training.checkpoint import read_tensors
from twin.meshes.errors import InputError

NAMES = {
    Kind.PUBLISHED: "PAA-Net as published",
    Kind.MENDED: "PAA-Net mended",
    Kind.GEOMETRY: "geometry only",
}

AT_ONCE = 64
"""ECGs encoded together."""

NODES = 2048
"""Answered for together: what is in between stays in the processor's cache."""


class PAARow:
    """Answers at all nodes of a heart, of which as many random ones as in training are read."""

    def __init__(self, network: PAANet, kind: Kind, points: int, part: Part) -> None:
        self.name = NAMES[kind]
        self.network, self.kind, self.points, self.part = network.eval(), kind, points, part
        # Cases of one heart follow each other.
        self._heart = lru_cache(maxsize=2)(self._heart_of)

    @staticmethod
    def read(folder: str | Path, part: Part) -> "PAARow":
        """From what `paa_training.train` wrote."""
        path = Path(folder) / CARD
        if not path.is_file():
            raise InputError(f"{path}: there is none; the training in {folder} has not ended")
        schedule = json.loads(path.read_text())["schedule"]
        kind = Kind(schedule["kind"])
        network = PAANet(kind is not Kind.PUBLISHED)
        network.load_state_dict(read_tensors(Path(folder) / WEIGHTS)[0])
        return PAARow(network, kind, schedule["points"], part)

    @torch.no_grad()
    def probabilities(self, case: int, ecg_of: int | None = None) -> Float[np.ndarray, "points 3"]:
        features, shape, shares = self._heart(int(self.part.anatomy[case]))
        shown = case if ecg_of is None else ecg_of
        with fast():
            carried = self.network.carried(shape, self.codes[shown : shown + 1])
            some = zip(features.split(NODES, dim=1), shares.split(NODES, dim=1), strict=True)
            logits = torch.cat([self.network.answer(carried, *each)[0] for each in some])
        return logits.float().softmax(dim=-1).numpy()

    @cached_property
    def codes(self) -> Tensor:
        """Of all cases' ECGs."""
        ecg = torch.from_numpy(signals(self.part, self.kind))
        with torch.no_grad(), fast():
            return torch.cat([self.network.signal(some) for some in ecg.split(AT_ONCE)])

    @torch.no_grad()
    def _heart_of(self, number: int) -> tuple[Tensor, Shape, Tensor]:
        """Features of all nodes, what the network makes of the heart, and how it is carried."""
        anatomy, mended = self.part.anatomies[number], self.kind is not Kind.PUBLISHED
        features = features_of_nodes(anatomy, mended)[None]
        with fast():
            shape = self.network.shape(*together(clouds([anatomy], mended, self.points, [number])))
        return features, shape, carrying(features[..., :3], shape.few)
