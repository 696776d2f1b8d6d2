"""Optimisers of torch, also in a process that has drawn pictures."""

import os
import sys
from collections.abc import Iterable
from functools import cache

import torch
from torch.nn import Parameter
from torch.optim import Optimizer


def adam(parameters: Iterable[Parameter], rate: float, decay: float) -> Optimizer:
    """With the decay in the gradient."""
    _load_compiler()
    return torch.optim.Adam(parameters, rate, weight_decay=decay)


def adamw(parameters: Iterable[Parameter], rate: float, decay: float) -> Optimizer:
    """With the decay of the weights themselves."""
    _load_compiler()
    return torch.optim.AdamW(parameters, rate, weight_decay=decay)


@cache
def _load_compiler() -> None:
    """An optimiser imports torch's compiler, and that triton where it is installed. Triton and
    VTK's software renderer each bring an LLVM; who comes second takes the other's for its own
    and crashes, unless its symbols are looked for in itself first."""
    usual = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        import torch._dynamo  # noqa: F401
    finally:
        sys.setdlopenflags(usual)
