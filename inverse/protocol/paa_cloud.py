"""Hearts as PAA-Net reads them: random nodes, their features, and their neighbourhoods."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from twin.inverse.networks.paa_net import groups_of, point_features
from twin.inverse.networks.points import Group
from twin.inverse.protocol.part import Anatomy

AT_ONCE = 16
"""Hearts whose neighbourhoods are sought together."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Random nodes of a heart and all that depends on them, without a batch's dimension."""

    nodes: Int[np.ndarray, " points"]
    features: Tensor
    groups: tuple[Group, Group]


def features_of_nodes(anatomy: Anatomy, mended: bool) -> Tensor:
    """(nodes, features) of a whole heart."""
    at = anatomy.coordinates
    columns = (at.apicobasal, at.rotational, at.transmural, at.ventricle)
    coordinates = np.stack(columns, axis=1).astype(np.float32)
    given = (anatomy.points, coordinates, anatomy.electrodes)
    places, at_nodes, electrodes = (torch.tensor(one, dtype=torch.float32)[None] for one in given)
    return point_features(places, at_nodes, electrodes, mended)[0]


def clouds(
    anatomies: Sequence[Anatomy], mended: bool, points: int, seed: Sequence[int]
) -> list[Cloud]:
    """One of each heart, drawn by the seed and the heart's place in the sequence."""
    found: list[Cloud] = []
    for first in range(0, len(anatomies), AT_ONCE):
        some = anatomies[first : first + AT_ONCE]
        nodes = [_nodes(one, points, [*seed, first + k]) for k, one in enumerate(some)]
        features = torch.stack(
            [features_of_nodes(a, mended)[n] for a, n in zip(some, nodes, strict=True)]
        )
        fine, coarse = groups_of(features)
        for k, chosen in enumerate(nodes):
            own = (Group(*(i[k] for i in fine)), Group(*(i[k] for i in coarse)))
            found.append(Cloud(chosen, features[k], own))
    return found


def together(some: Sequence[Cloud]) -> tuple[Tensor, tuple[Group, Group]]:
    """Features and neighbourhoods of clouds as a batch."""
    fine, coarse = (
        Group(*(torch.stack(parts) for parts in zip(*(c.groups[k] for c in some), strict=True)))
        for k in range(2)
    )
    return torch.stack([c.features for c in some]), (fine, coarse)


def _nodes(anatomy: Anatomy, points: int, seed: Sequence[int]) -> Int[np.ndarray, " points"]:
    """Without repetition where the heart has that many."""
    count = len(anatomy.points)
    return np.random.default_rng(seed).choice(count, points, replace=count < points)
