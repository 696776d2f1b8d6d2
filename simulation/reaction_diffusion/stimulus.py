"""Currents that are put into the tissue: where, when and how strong."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from twin.meshes.errors import InputError

AMPLITUDE = 50 / 1.4
"""mV/ms: 50 uA/mm3 over chi Cm, the N-version benchmark's (Niederer et al. 2011)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Stimulus:
    """Pulses. Pulse p gives node i of its region `amplitudes[p]` mV/ms from
    `starts[p] + onsets[regions[p], i]` on for `durations[p]` ms; nothing where that is infinite.
    """

    onsets: Float[Array, "regions points"]
    regions: Int[Array, " pulses"]
    starts: Float[Array, " pulses"]
    durations: Float[Array, " pulses"]
    amplitudes: Float[Array, " pulses"]

    @staticmethod
    def none(points: int, kind=np.float32) -> "Stimulus":
        nothing = jnp.zeros(0, kind)
        onsets = jnp.full((1, points), jnp.inf, kind)
        return Stimulus(onsets, jnp.zeros(0, np.int32), nothing, nothing, nothing)

    @staticmethod
    def at(
        nodes: Bool[np.ndarray, " points"],
        starts=(0.0,),
        duration: float = 2.0,
        amplitude: float = AMPLITUDE,
        kind=np.float32,
    ) -> "Stimulus":
        """The same nodes at each of `starts` (ms), for `duration` ms with `amplitude` mV/ms."""
        nodes = np.asarray(nodes)
        if nodes.dtype != bool or nodes.ndim != 1 or not nodes.any():
            raise InputError(
                f"stimulus: nodes are {nodes.dtype} of shape {nodes.shape}, {int(nodes.sum())} of "
                "them chosen; expected one truth value a node, and at least one that is true"
            )
        return Stimulus.spread(np.where(nodes, 0.0, np.inf), starts, duration, amplitude, kind)

    @staticmethod
    def spread(
        onsets: Float[np.ndarray, " points"],
        starts=(0.0,),
        duration: float = 2.0,
        amplitude: float = AMPLITUDE,
        kind=np.float32,
    ) -> "Stimulus":
        """Each node at its own onset (ms) after each of `starts`; infinite: never."""
        starts = np.atleast_1d(np.asarray(starts, float))
        if not (np.isfinite(starts).all() and 0 < duration < np.inf and np.isfinite(amplitude)):
            raise InputError(
                f"stimulus: starts {starts.tolist()} ms, duration {duration} ms, amplitude "
                f"{amplitude} mV/ms; expected finite numbers and a duration above 0"
            )
        pulses = len(starts)
        return Stimulus(
            jnp.asarray(onsets, kind)[None],
            jnp.zeros(pulses, np.int32),
            jnp.asarray(starts, kind),
            jnp.full(pulses, duration, kind),
            jnp.full(pulses, amplitude, kind),
        )

    @staticmethod
    def s1_s2(
        s1: Bool[np.ndarray, " points"],
        s2: Bool[np.ndarray, " points"],
        cycle: float,
        beats: int,
        coupling: float,
        **pulse,
    ) -> "Stimulus":
        """`beats` of `s1` every `cycle` ms, and one of `s2` `coupling` ms after the last."""
        train = np.arange(beats) * cycle
        return Stimulus.at(s1, train, **pulse) + Stimulus.at(s2, train[-1:] + coupling, **pulse)

    def astype(self, kind) -> "Stimulus":
        numbers = ("onsets", "starts", "durations", "amplitudes")
        cast = {name: getattr(self, name).astype(kind) for name in numbers}
        return replace(self, **cast)

    @cached_property
    def spans(self) -> list[tuple[float, float]]:
        """From when to when (ms) each pulse is felt anywhere; none of a pulse that never comes."""
        spans = []
        for region, start, duration in zip(
            *map(np.asarray, (self.regions, self.starts, self.durations)), strict=True
        ):
            onsets = np.asarray(self.onsets[region])
            onsets = onsets[np.isfinite(onsets)] + float(start)
            if len(onsets):
                spans.append((float(onsets.min()), float(onsets.max()) + float(duration)))
        return spans

    def __add__(self, other: Self) -> "Stimulus":
        return Stimulus(
            jnp.concatenate([self.onsets, other.onsets]),
            jnp.concatenate([self.regions, other.regions + len(self.onsets)]),
            *(
                jnp.concatenate([getattr(self, name), getattr(other, name)])
                for name in ("starts", "durations", "amplitudes")
            ),
        )

    def during(self, time: Float[Array, ""], step: float) -> Float[Array, " points"]:
        """Mean current from `time` to `time + step` ms, mV/ms: a pulse that begins or ends between
        counts for its part, so that it depends on the onsets without jumps."""

        def add(current, pulse):
            region, start, duration, amplitude = pulse
            first = jnp.maximum(time, self.onsets[region] + start)
            last = jnp.minimum(time + step, self.onsets[region] + start + duration)
            return current + amplitude * jnp.maximum(last - first, 0) / step, None

        pulses = (self.regions, self.starts, self.durations, self.amplitudes)
        nothing = jnp.zeros(self.onsets.shape[1:], self.onsets.dtype)
        return jax.lax.scan(add, nothing, pulses)[0]
