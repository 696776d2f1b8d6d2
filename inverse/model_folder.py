"""A taught model as a folder: weights as safetensors, and what people can read as JSON."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError
from safetensors.torch import save
from torch import Tensor

from twin.inverse.training.checkpoint import read_tensors
from twin.meshes.errors import InputError
from twin.meshes.files import whole_file

WEIGHTS, WORDS = "weights.safetensors", "model.json"


def shipped(package: str) -> Path:
    """The folder of the model that comes with a package of ours."""
    return Path(str(files(package).joinpath("weights", WORDS))).parent


def read_folder(folder: Path, maker: str) -> tuple[dict[str, Tensor], dict]:
    """Tensors and words. `maker` is the command that makes such folders."""
    path = folder / WORDS
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file; expected a folder that `{maker}` made"
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); train the model again") from None
    tensors, _ = read_tensors(folder / WEIGHTS)
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, words


@contextmanager
def of_this_version(folder: Path) -> Iterator[None]:
    """What does not fit together in a folder is said as its user's error."""
    try:
        yield
    except (KeyError, TypeError, ValidationError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{folder} is no model of this version ({reason})") from None


def write_folder(folder: Path, tensors: Mapping[str, Tensor], words: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()})
    with whole_file(folder / WEIGHTS) as part:
        part.write_bytes(content)
    with whole_file(folder / WORDS) as part:
        part.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")
