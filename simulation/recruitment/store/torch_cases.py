"""A cohort as a torch data set."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from twin.simulation.cohort import Cohort

Item = dict[str, torch.Tensor]


class TorchCases(Dataset):
    """Each case as `ecg` (8 leads x time, mV), `zones` (a class for each node of its heart),
    `anatomy` and `index`. Hearts differ in size: collate zones as a list, or cut them.

    Workers of a `DataLoader` open the files anew, each for itself. Where JAX has run before, give
    the loader `multiprocessing_context="spawn"`: its threads do not outlive a fork.
    """

    def __init__(self, cohort: "Cohort") -> None:
        self.cohort = cohort

    def __len__(self) -> int:
        return len(self.cohort)

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """A batch at once, as a `DataLoader` asks for it."""
        batch = self.cohort.batch(indices)
        return [
            {
                "ecg": torch.from_numpy(ecg),
                "zones": torch.from_numpy(zones),
                "anatomy": torch.tensor(anatomy),
                "index": torch.tensor(index),
            }
            for ecg, zones, anatomy, index in zip(
                batch.ecg, batch.zones, batch.anatomy.tolist(), indices, strict=True
            )
        ]
