"""Results that took long, kept on disk under what they were computed from."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from twin.meshes.files import whole_file


def cache_folder() -> Path:
    """TWIN_CACHE, or `twin` in the user's cache folder."""
    given = os.environ.get("TWIN_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "twin"


def remembered(
    kind: str,
    key: str,
    compute: Callable[[], dict[str, np.ndarray]],
    shipped: Path | None = None,
) -> dict[str, np.ndarray]:
    """The arrays stored as `kind`/`key`, or else `compute()`, stored for the next time.

    `key` is a hash of everything the result depends on. A file that cannot be read is computed
    anew, and a folder that cannot be written only costs the time again. What everybody needs may
    lie in a folder that is `shipped` with the package.
    """
    path = cache_folder() / kind / f"{key}.npz"
    for folder in (shipped, path.parent):
        if folder and (found := _stored(folder / path.name)):
            return found
    arrays = compute()
    try:
        with whole_file(path) as part:
            np.savez(part, **arrays)  # type: ignore[arg-type]
    except OSError:
        return arrays
    return arrays


def _stored(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
