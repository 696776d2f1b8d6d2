"""A run that saves itself, so that a killed one goes on with the same bits."""

import hashlib
import time as clock
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.reaction_diffusion.stepping import TissueState


@dataclass(frozen=True, eq=False)
class Saved:
    """A state and what observers have kept until then."""

    state: TissueState
    samples: dict[str, list[np.ndarray]]


class Checkpoint:
    """HDF5 at `path`, written anew every `seconds` of wall time and at the end.

    It holds what the run follows from as a hash: another run does not go on from it.
    """

    def __init__(self, path: str | Path, seconds: float = 60.0) -> None:
        self.path, self.seconds = Path(path), seconds
        self._due = 0.0
        self._identity = ""

    def open(self, identity: object, fresh: Saved) -> Saved | None:
        """What was saved of the same run; None if nothing was."""
        self._identity = _digest((identity, fresh.state))
        self._due = clock.monotonic() + self.seconds
        if not self.path.exists():
            return None
        try:
            with h5py.File(self.path, "r") as file:
                return self._read(file, fresh)
        except OSError as fault:
            raise InputError(
                f"{self.path}: not a checkpoint ({fault}); delete it to start anew"
            ) from fault

    def _read(self, file: h5py.File, fresh: Saved) -> Saved:
        if file.attrs.get("identity") != self._identity:
            raise InputError(
                f"{self.path}: the checkpoint of another run (other mesh, cell, stimulus, settings "
                "or version); delete it to start anew, or name another file"
            )
        state = TissueState(
            **{f.name: jnp.asarray(file[f"state/{f.name}"][()]) for f in fields(TissueState)}
        )
        samples = {name: list(file[f"samples/{name}"][()]) for name in fresh.samples}
        return Saved(state, samples)

    def offer(self, saved: Saved) -> None:
        """Written if it is time."""
        if clock.monotonic() >= self._due:
            self.close(saved)
            self._due = clock.monotonic() + self.seconds

    def close(self, saved: Saved) -> None:
        with whole_file(self.path) as part, h5py.File(part, "w") as file:
            file.attrs["identity"] = self._identity
            for f in fields(TissueState):
                file[f"state/{f.name}"] = np.asarray(getattr(saved.state, f.name))
            for name, kept in saved.samples.items():
                file[f"samples/{name}"] = np.stack(kept) if kept else np.zeros((0,), np.float32)


def _digest(value: object) -> str:
    """SHA-256 of a tree: its shape and its leaves."""
    leaves, shape = jax.tree.flatten(value)
    digest = hashlib.sha256(f"{version('twin')} {shape}".encode())
    for leaf in leaves:
        array = None if isinstance(leaf, str) else np.asarray(leaf)
        digest.update(leaf.encode() if array is None else array.dtype.str.encode())
        if array is not None:
            digest.update(array.tobytes())
    return digest.hexdigest()
