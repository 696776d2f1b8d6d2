"""Calls of native kernels from JAX, and which twin runs where."""

from collections.abc import Callable

import jax
import numpy as np

from twin.native import kernels

if kernels is not None:
    for _name, _handler in kernels.handlers.items():
        jax.ffi.register_ffi_target(_name, _handler, platform="cpu")


def native_call(name: str, kind: np.dtype, outputs) -> Callable:
    """The kernel `twin_<name>_<kind>`, under jit, vmap and scan."""
    full = f"twin_{name}_{np.dtype(kind).name}"
    return jax.ffi.ffi_call(full, outputs, vmap_method="expand_dims")


def by_platform(native: Callable, reference: Callable, *arguments):
    """`native` on a CPU for which the kernels were built, `reference` everywhere else."""
    if kernels is None:
        return reference(*arguments)
    return jax.lax.platform_dependent(*arguments, cpu=native, default=reference)
