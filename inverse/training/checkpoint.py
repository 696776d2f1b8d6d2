"""The state of a training, whole at every moment: a killed run goes on from the last one."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file

FILE = "checkpoint.safetensors"


@dataclass
class Progress:
    """`curve` has a row an epoch: losses and scores by name. `best` is the epoch whose averaged
    weights answered best. `losses` are those of the steps of the epoch that is under way."""

    step: int = 0
    best: int = -1
    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


@dataclass
class State:
    """A network, its running average, the optimiser and how far it is."""

    network: nn.Module
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    progress: Progress
    identity: str

    def write(self, folder: Path) -> None:
        """Tensors and numbers in one file, so that they cannot be of different moments."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= _moments(self.optimiser)
        said = {"progress": json.dumps(vars(self.progress)), "identity": self.identity}
        content = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, said)
        with whole_file(folder / FILE) as part:
            part.write_bytes(content)

    def read(self, folder: Path) -> bool:
        """From where a run stopped; False where none began."""
        path = folder / FILE
        if not path.is_file():
            return False
        tensors, said = read_tensors(path)
        if said.get("identity") != self.identity:
            raise InputError(
                f"{path} is of another recipe or cohort; name another folder, or delete it"
            )
        self.network.load_state_dict(_part(tensors, "network."))
        self.average, self.best = _part(tensors, "average."), _part(tensors, "best.")
        self.progress = Progress(**json.loads(said["progress"]))
        _restore(self.optimiser, tensors)
        return True


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Of a safetensors file, with its words; damage is said plainly."""
    try:
        content = path.read_bytes()
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        words = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} holds no weights that can be read ({reason})") from None
    return tensors, words


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _moments(optimiser) -> dict[str, Tensor]:
    kept = optimiser.state_dict()["state"]
    return {
        f"moments.{k}.{name}": torch.as_tensor(value)
        for k, one in kept.items()
        for name, value in one.items()
    }


def _restore(optimiser, tensors: dict[str, Tensor]) -> None:
    found: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "moments.").items():
        number, kind = name.split(".")
        found.setdefault(int(number), {})[kind] = value
    whole = optimiser.state_dict()
    optimiser.load_state_dict({**whole, "state": found})
