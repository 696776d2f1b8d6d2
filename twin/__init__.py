"""A cardiac digital twin: hearts, activation, the ECG, and what an ECG says about the heart.

Everything a user needs is here by name; each is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.inverse.inference import Inference as Inference
    from twin.inverse.model import Model as Model
    from twin.meshes.atrium import Atrium as Atrium
    from twin.meshes.errors import InputError as InputError
    from twin.meshes.errors import TwinError as TwinError
    from twin.meshes.heart import Boundary as Boundary
    from twin.meshes.heart import Heart as Heart
    from twin.meshes.torso import Torso as Torso
    from twin.simulation.cohort import Cohort as Cohort
    from twin.simulation.ecg import ECG as ECG
    from twin.simulation.infarct import Infarct as Infarct
    from twin.simulation.settings import Settings as Settings
    from twin.simulation.simulation import Simulation as Simulation

_HOME = {
    "ECG": "twin.simulation.ecg",
    "Atrium": "twin.meshes.atrium",
    "Boundary": "twin.meshes.heart",
    "Cohort": "twin.simulation.cohort",
    "Heart": "twin.meshes.heart",
    "Infarct": "twin.simulation.infarct",
    "Inference": "twin.inverse.inference",
    "InputError": "twin.meshes.errors",
    "Model": "twin.inverse.model",
    "Settings": "twin.simulation.settings",
    "Simulation": "twin.simulation.simulation",
    "Torso": "twin.meshes.torso",
    "TwinError": "twin.meshes.errors",
}

__all__ = list(_HOME)


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version

        return version("twin")
    if name not in _HOME:
        raise AttributeError(f"module 'twin' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])
