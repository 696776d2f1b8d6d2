"""What our network is taught by."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from twin.inverse.networks.infarct_net import ZONES, Answers
from twin.simulation.infarct import Zone

ENTROPY = 0.3
"""Of cross-entropy in the answer's loss: Dice alone has no gradient where nothing overlaps."""

PRESENCE = 0.3
BORDER = 0.7
"""Weight of the border zone's Dice against the scar's."""


def loss(answers: Answers, zones: Tensor, infarct: Tensor) -> Tensor:
    """Belief by cross-entropy, answers by Dice, and whether there is an infarct at all."""
    belief, answer = answers.belief.float(), answers.answer.float()
    entropy = cross_entropy(belief.flatten(0, 1), zones.flatten())
    overlap = overlap_loss(answer.softmax(dim=-1), zones, infarct)
    support = cross_entropy(answer.flatten(0, 1), zones.flatten())
    presence = binary_cross_entropy_with_logits(answers.infarct.float(), infarct)
    return entropy + overlap + ENTROPY * support + PRESENCE * presence


def overlap_loss(probabilities: Tensor, zones: Tensor, infarct: Tensor) -> Tensor:
    """1 - soft Dice of scar and border zone, over the cases that have them."""
    true = one_hot(zones, ZONES).to(probabilities.dtype)
    both = (probabilities * true).sum(dim=1)
    whole = (probabilities + true).sum(dim=1)
    lost = 1 - (2 * both + 1) / (whole + 1)
    each = lost[:, Zone.SCAR] + BORDER * lost[:, Zone.BORDER]
    return (each * infarct).sum() / torch.clamp(infarct.sum(), min=1)
