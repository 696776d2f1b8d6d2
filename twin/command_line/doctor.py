"""`twin doctor`: what this installation has to work with."""

import os
import platform
import shutil
from importlib import metadata
from typing import Annotated

import typer

from twin.command_line.console import say, say_json

LIBRARIES = ["numpy", "scipy", "jax", "torch", "torch-geometric", "pyvista", "vtk", "h5py"]


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what this installation runs on, and what it lacks."""
    findings = {**_versions(), **_machine(), **_accelerators(), "kernels": _kernels()}
    if as_json:
        say_json(findings)
        return
    width = max(map(len, findings))
    for name, value in findings.items():
        say(f"{name:<{width}}  {value}")


def _versions() -> dict[str, str]:
    found = {"twin": metadata.version("twin"), "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = f"missing: pip install {name}"
    return found


def _machine() -> dict[str, str]:
    free = shutil.disk_usage(".").free / 2**30
    return {
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "free disk": f"{free:.0f} GiB",
    }


def _accelerators() -> dict[str, str]:
    import jax

    return {"jax runs on": ", ".join(str(device) for device in jax.devices())}


def _kernels() -> str:
    from twin.native import kernels

    if kernels is None:
        return "not built: the pure-JAX counterparts serve; pip install . builds the kernels"
    return "built"
