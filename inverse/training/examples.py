"""A cohort in memory, as the network is taught it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from twin.inverse.beat import RATE, START, levelled
from twin.inverse.lattice import Placement
from twin.inverse.portrait import Portrait
from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.simulation.cohort import Cohort
from twin.simulation.infarct import Zone

READ_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Ground:
    """A heart's portrait and nodes: `within` is where each node lies in its cell of the lattice."""

    portrait: Portrait
    heart: Heart
    within: Float[np.ndarray, "nodes 3"]

    @staticmethod
    def of(portrait: Portrait, heart: Heart) -> "Ground":
        return Ground(portrait, heart, within(heart))


def within(heart: Heart) -> Float[np.ndarray, "nodes 3"]:
    """Depth, height and ventricle of each node."""
    c = heart.coordinates
    return np.stack([c.transmural, c.apicobasal, c.ventricle], axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Examples:
    """`grounds[owner[k]]` is the heart of case k; `table` has the cohort's columns."""

    grounds: list[Ground]
    owner: Int[np.ndarray, " cases"]
    ecg: Float[np.ndarray, "cases 8 time"]
    clean: Float[np.ndarray, "cases 8 time"]
    zones: list[Int[np.ndarray, " nodes"]]
    table: dict[str, np.ndarray]

    @staticmethod
    def of(cohort: Cohort, progress: Progress = silent) -> "Examples":
        """Everything in the cohort: about 40 kB a case with 15,000 nodes."""
        _check_window(cohort)
        keys, owner = np.unique(cohort.cases[:, [0, 3]], axis=0, return_inverse=True)
        grounds = []
        for k, (store, anatomy) in enumerate(keys.tolist()):
            patient = cohort.stores[store].patient(anatomy)
            grounds.append(Ground.of(Portrait.of_patient(patient), patient.heart))
            progress("portraits", (k + 1) / len(keys))
        ecg, clean, zones = _cases(cohort, progress)
        return Examples(grounds, owner.ravel(), ecg, clean, zones, cohort.table())

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def healthy(self) -> Bool[np.ndarray, " cases"]:
        return np.array([not (zones == Zone.SCAR).any() for zones in self.zones])

    @property
    def portraits(self) -> Float[np.ndarray, "hearts places features"]:
        return np.stack([ground.portrait.features for ground in self.grounds])

    @property
    def references(self) -> Float[np.ndarray, "hearts 8 time"]:
        return np.stack([levelled(ground.portrait.reference) for ground in self.grounds])

    def on_lattice(self) -> Int[np.ndarray, "cases places"]:
        """The zone that most of each place's mass is in: what samples are drawn from."""
        found = np.empty((len(self), len(self.grounds[0].portrait.features)), np.int8)
        for k, zones in enumerate(self.zones):
            placement = self.grounds[self.owner[k]].portrait.placement
            found[k] = zones_on_lattice(placement, zones)
        return found


def zones_on_lattice(placement: Placement, zones: Int[np.ndarray, " nodes"]) -> np.ndarray:
    """The commonest zone around each place; border zone counts with scar against health first."""
    scar = placement.gather((zones == Zone.SCAR).astype(np.float32))
    hurt = placement.gather((zones != Zone.HEALTHY).astype(np.float32))
    return np.where(scar > 0.5, Zone.SCAR, np.where(hurt > 0.5, Zone.BORDER, 0)).astype(np.int8)


def _check_window(cohort: Cohort) -> None:
    rate, start = cohort[0].window
    if (rate, start) != (RATE, START):
        raise InputError(
            f"the cohort's ECGs begin {start:g} ms from the QRS at {rate:g} Hz; networks are "
            f"taught {START:g} ms and {RATE:g} Hz (a recipe's recording.start and rate)"
        )


def _cases(cohort: Cohort, progress: Progress):
    ecg, clean, zones = [], [], []
    for first in range(0, len(cohort), READ_AT_ONCE):
        some = range(first, min(first + READ_AT_ONCE, len(cohort)))
        batch = cohort.batch(some)
        ecg.append(batch.ecg)
        zones += batch.zones
        clean += [_clean(cohort, case) for case in some]
        progress("cases", some.stop / len(cohort))
    return levelled(np.concatenate(ecg)), levelled(np.stack(clean)), zones


def _clean(cohort: Cohort, case: int) -> Float[np.ndarray, "8 time"]:
    store, shard, row, _ = cohort.cases[case].tolist()
    return cohort.stores[store].read(shard, lambda file: file.signals("clean", row))


@dataclass(frozen=True)
class Batch:
    """What the network takes, and what it is to answer."""

    ecg: Tensor
    present: Tensor
    portrait: Tensor
    reference: Tensor
    nodes: Tensor
    weights: Tensor
    within: Tensor
    zones: Tensor
    infarct: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(vars(self).values())[:7]


def draw_batch(
    examples: Examples,
    cases: Int[np.ndarray, " cases"],
    beats: Float[np.ndarray, "cases 8 time"],
    present: Bool[np.ndarray, "cases 8"],
    count: int,
    random: np.random.Generator,
) -> Batch:
    """Of these cases with these beats, and `count` random nodes of each."""
    nodes, weights, inside, zones = [], [], [], []
    for case in cases.tolist():
        ground = examples.grounds[examples.owner[case]]
        some = random.integers(len(ground.within), size=count)
        nodes.append(ground.portrait.placement.places[some])
        weights.append(ground.portrait.placement.weights[some])
        inside.append(ground.within[some])
        zones.append(examples.zones[case][some])
    grounds = [examples.grounds[examples.owner[case]].portrait for case in cases.tolist()]
    true = [examples.zones[case] for case in cases.tolist()]
    return Batch(
        ecg=torch.from_numpy(np.ascontiguousarray(beats, np.float32)),
        present=torch.from_numpy(present),
        portrait=torch.from_numpy(np.stack([g.features for g in grounds])),
        reference=torch.from_numpy(np.stack([levelled(g.reference) for g in grounds])),
        nodes=torch.from_numpy(np.stack(nodes)).long(),
        weights=torch.from_numpy(np.stack(weights)),
        within=torch.from_numpy(np.stack(inside)),
        zones=torch.from_numpy(np.stack(zones)).long(),
        infarct=torch.tensor([float((z == Zone.SCAR).any()) for z in true]),
    )
