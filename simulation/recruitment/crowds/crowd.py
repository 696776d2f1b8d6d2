"""Who does the work: processes here, or a cluster's machines. The files are the same."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from twin.meshes.errors import InputError
from twin.simulation.recruitment.crowds.making import Crowd
from twin.simulation.recruitment.crowds.workers import supervise

CLUSTERS = {"slurm": "submitit", "dask": "distributed"}
"""With the library that each needs."""


def crowd_of(cluster: str | None, options: Mapping[str, Any]) -> Crowd:
    if cluster is None:
        if options:
            raise InputError("options of a cluster were given, but no cluster; name it")
        return supervise
    if cluster not in CLUSTERS:
        raise InputError(f"there is no cluster '{cluster}'; known are: {', '.join(CLUSTERS)}")
    try:
        import_module(CLUSTERS[cluster])
    except ImportError:
        raise InputError(
            f"{CLUSTERS[cluster]}, which '{cluster}' needs, is not installed: "
            "pip install 'twin[cluster]'"
        ) from None
    module = import_module(f".{cluster}_crowd", __package__)
    return module.crowd(options)
