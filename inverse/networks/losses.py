"""What the networks are taught by, as published and mended."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from twin.simulation.infarct import Zone

CLASS_WEIGHTS = (1.0, 10.0, 10.0)
"""Of healthy, border zone and scar in the soft Dice."""

DICE, COMPACTNESS, RIGHT, SIZE = 0.1, 0.1, 0.1, 0.1


def published_loss(logits: Tensor, zones: Tensor, places: Tensor, right: Tensor) -> Tensor:
    """Cross-entropy of what is a softmax already, and penalties of the likeliest zone, through
    which no gradient goes: as it was published, for comparison only."""
    probabilities = logits.softmax(dim=-1)
    answers = one_hot(logits.argmax(dim=-1), len(Zone)).to(logits.dtype)
    entropy = cross_entropy(probabilities.flatten(0, 1), zones.flatten())
    penalties = _penalties(answers, zones, places, right)
    return entropy + DICE * dice_loss(probabilities, zones) + penalties


def mended_loss(logits: Tensor, zones: Tensor, places: Tensor, right: Tensor) -> Tensor:
    """Cross-entropy of logits, and the same penalties of probabilities, which teach.

    logits (batch, points, 3); zones (batch, points); places (batch, points, 3) in any one unit;
    right (batch, points): whether a point is the right ventricle's.
    """
    probabilities = logits.softmax(dim=-1)
    entropy = cross_entropy(logits.flatten(0, 1), zones.flatten())
    penalties = _penalties(probabilities, zones, places, right)
    return entropy + DICE * dice_loss(probabilities, zones) + penalties


def dice_loss(probabilities: Tensor, zones: Tensor) -> Tensor:
    """Mean over zones of 1 - soft Dice, each times its weight. Weights are not made to add up to
    one: next to the cross-entropy such a loss is too small to be noticed, and all is called
    healthy."""
    true = one_hot(zones, len(Zone)).to(probabilities.dtype)
    weights = torch.tensor(CLASS_WEIGHTS, dtype=true.dtype, device=true.device)
    both = (probabilities * true).sum(dim=1)
    whole = (probabilities + true).sum(dim=1)
    # A zone that is neither there nor found is no error.
    lost = 1 - (2 * both + 1) / (whole + 1)
    return (lost * weights).mean()


def _penalties(probabilities: Tensor, zones: Tensor, places: Tensor, right: Tensor) -> Tensor:
    scar = probabilities[..., Zone.SCAR]
    share = scar / (scar.sum(dim=1, keepdim=True) + 1e-6)
    centre = (share[..., None] * places).sum(dim=1, keepdim=True)
    scatter = (share * (places - centre).square().sum(dim=-1)).sum(dim=1)
    spread = places.var(dim=1).sum(dim=-1)
    compact = (scatter / spread).mean()
    astray = (probabilities[..., Zone.BORDER :].sum(dim=-1) * right).mean()
    true_share = (zones == Zone.SCAR).to(scar.dtype).mean(dim=1)
    size = (scar.mean(dim=1) - true_share).abs().mean()
    return COMPACTNESS * compact + RIGHT * astray + SIZE * size
