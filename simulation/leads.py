"""The names of the leads, their order, and how each follows from two others."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
STANDARD = LIMB + CHEST
INDEPENDENT = ("I", "II", *CHEST)

# Einthoven (1912): III = II - I. Goldberger (1942): aVR = -(I + II)/2, and so on.
IN_TERMS_OF_I_AND_II: Mapping[str, tuple[float, float]] = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}

_EXTRA = ("V7", "V8", "V9", "V3R", "V4R", "V5R", "V6R", "Vx", "Vy", "Vz")
_NAMES = {name.upper(): name for name in STANDARD + _EXTRA}
# German and Latin chest leads are C1-C6, limb leads D1-D3; Einthoven's are also written E1-E3.
_NAMES |= {f"C{i}": f"V{i}" for i in range(1, 7)}
for _letter in "LDE":
    _NAMES |= {f"{_letter}{i}": "I" * i for i in range(1, 4)}
    _NAMES |= {f"{_letter}{'I' * i}": "I" * i for i in range(1, 4)}
_NAMES |= {"X": "Vx", "Y": "Vy", "Z": "Vz"}

# What ISO 11073 (MDC), SCP, EDF and DICOM write around a lead's name.
_ORNAMENT = re.compile(r"^(MDCECGLEAD|MDCECG|EKG|ECG|LEAD|ABLEITUNG)|(DERIVED|FILTERED|LEAD)$")


def canonical_name(name: str) -> str:
    """The lead's standard name, from any case and dress: `MDC_ECG_LEAD_AVR` is aVR, `c1` is V1.

    A name that is not known is returned stripped of white space, otherwise as it is.
    """
    # A leading minus is an inverted lead (Cabrera's -aVR): it must not pass for the lead itself.
    bare = re.sub(r"[\s_.]", "", name.strip().upper())
    plain = bare if bare.startswith("-") else bare.replace("-", "")
    for _ in range(2):
        plain = _ORNAMENT.sub("", plain)
    return _NAMES.get(plain, name.strip())


def is_known(name: str) -> bool:
    return canonical_name(name) in _NAMES.values()


def in_standard_order(names: Sequence[str]) -> tuple[str, ...]:
    """I II III aVR aVL aVF V1-V6, then whatever else there is in its own order."""
    return tuple(n for n in STANDARD if n in names) + tuple(n for n in names if n not in STANDARD)


def solve_limb_leads(
    known: Mapping[str, Float[np.ndarray, " time"]],
) -> dict[str, Float[np.ndarray, " time"]]:
    """All six limb leads, from any two or more of them: those given as they are, the others by
    least squares through Einthoven's and Goldberger's equations. Empty where fewer than two."""
    given = [name for name in LIMB if name in known]
    if len(given) < 2:
        return {}
    mixing = np.array([IN_TERMS_OF_I_AND_II[name] for name in given])
    two = np.linalg.lstsq(mixing, np.array([known[name] for name in given]), rcond=None)[0]
    return {
        name: known[name] if name in known else np.array(IN_TERMS_OF_I_AND_II[name]) @ two
        for name in LIMB
    }
