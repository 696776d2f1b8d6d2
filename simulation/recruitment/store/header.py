"""Which cohort a folder holds: `cohort.json`, written before anything else."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.recruitment.plan import Plan
from twin.simulation.recruitment.recipe import Recipe

HEADER = "cohort.json"
FORMAT = 1
LIBRARIES = ("twin", "numpy", "scipy", "jax", "jaxlib", "h5py")
LARGEST = 50_000_000


def begin(folder: Path, plan: Plan) -> None:
    """Make the folder a cohort's, or find that it is this very cohort's already."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the cohort")
    wanted = header_of(plan)
    if (folder / HEADER).exists():
        _same(folder, read_header(folder), wanted)
        return
    strangers = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
    strangers = [name for name in strangers if not _ours(name)]
    if strangers:
        raise InputError(
            f"{folder} holds {', '.join(strangers[:3])} but no {HEADER}: it is no cohort; "
            "name a new folder"
        )
    for name in ("anatomies", "shards"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_header(folder, wanted)


def header_of(plan: Plan) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "format": FORMAT,
        "recipe": {
            "name": recipe.name,
            "version": recipe.version,
            "sha256": recipe.content,
            "text": recipe.text,
            "folder": str(recipe.folder),
        },
        "count": plan.count,
        "seed": plan.seed,
        "anatomies": plan.anatomies,
        "shards": len(plan.shards),
        "cases_per_shard": plan.cases_per_shard,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of everything that may change a bit."""
    return {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}


def write_header(folder: Path, header: Mapping[str, Any]) -> None:
    with whole_file(folder / HEADER) as part:
        part.write_text(json.dumps(header, indent=1) + "\n")


def read_header(folder: Path) -> dict[str, Any]:
    path = folder / HEADER
    if not path.is_file():
        raise InputError(
            f"{folder}: there is no {HEADER}, so it is no cohort; `twin cohort make` makes one"
        )
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes are too many for a header")
    try:
        header = json.loads(path.read_text())
        found = header["format"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: it is damaged; make the cohort anew") from None
    if found != FORMAT:
        raise InputError(f"{path}: format {found} is not known, expected {FORMAT}; update twin")
    return header


def read_plan(folder: Path) -> Plan:
    """The plan of a folder that a run has begun."""
    header = read_header(folder)
    if "seed" not in header:
        raise InputError(f"{folder}: it was put together of others and cannot be continued")
    recipe = Recipe.of_text(header["recipe"]["text"], header["recipe"]["folder"])
    return Plan(recipe, header["count"], header["seed"], header["cases_per_shard"])


def _same(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to mix two cohorts, or the bits of two versions, in one folder."""
    if "seed" not in found:
        raise InputError(f"{folder}: it was put together of others and cannot be continued")
    for what, before, now in (
        ("seed", found["seed"], wanted["seed"]),
        ("count", found.get("count"), wanted["count"]),
        ("number of cases a file", found["cases_per_shard"], wanted["cases_per_shard"]),
        ("recipe", *(_recipe(header) for header in (found, wanted))),
        *(
            (f"version of {name}", found.get("versions", {}).get(name), now)
            for name, now in wanted["versions"].items()
        ),
    ):
        if before != now:
            raise InputError(
                f"{folder} was begun with the {what} {before}, this run has {now}: one folder "
                "holds one cohort; continue it with what it was begun with, or name a new folder"
            )


def _ours(name: str) -> bool:
    """What a run that was killed before its header leaves."""
    return name in ("anatomies", "shards") or name.startswith(".")


def _recipe(header: Mapping[str, Any]) -> str:
    recipe = header.get("recipe", {})
    return f"{recipe.get('name')} {recipe.get('version')} ({recipe.get('sha256', '')[:8]})"
