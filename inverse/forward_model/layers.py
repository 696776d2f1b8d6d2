"""The plain network that the learned forward model is made of."""

from torch import nn


def layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers; the answer is 0 before anything is learned."""
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last
    )
