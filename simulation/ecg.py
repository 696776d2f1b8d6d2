"""The electrocardiogram, simulated or measured: one noun, one entry, one set of tools."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.files import content_hash
from twin.simulation.leads import STANDARD, canonical_name, in_standard_order, solve_limb_leads

if TYPE_CHECKING:
    from twin.simulation.recording.measures import Measures
    from twin.simulation.recording.quality import Fault


@dataclass(frozen=True, eq=False)
class ECG:
    """Leads over time, in mV, sampled at `rate` Hz. Immutable and valid once it exists.

    `leads` are the names of the rows; standard ones are brought to their standard spelling.
    `remarks` say what was assumed or done on the way here, one sentence each; `provenance` where
    the ECG is from: origin, seed, settings, hash of the input.
    """

    signals: Float[np.ndarray, "leads time"]
    rate: float
    leads: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        signals = np.array(self.signals, dtype=np.float64, order="C")
        signals.setflags(write=False)
        object.__setattr__(self, "signals", signals)
        object.__setattr__(self, "rate", float(self.rate))
        object.__setattr__(self, "leads", tuple(canonical_name(name) for name in self.leads))
        object.__setattr__(self, "remarks", tuple(self.remarks))
        _validate(self)

    @staticmethod
    def read(path: str | Path, **declared) -> "ECG":
        """An ECG from any file that `ecg_files` knows; see `ecg_files.read_ecg` for what the
        caller may declare where the file does not: rate, unit, leads."""
        from twin.simulation.recording.files import read_ecg

        return read_ecg(path, **declared)

    def write(self, path: str | Path) -> None:
        """Write to `path`; its ending chooses the format."""
        from twin.simulation.recording.files import write_ecg

        write_ecg(self, path)

    @cached_property
    def content(self) -> str:
        """SHA-256 of signals, rate and lead names."""
        return content_hash(self.signals, np.array(self.rate), np.array(self.leads))

    @property
    def times(self) -> Float[np.ndarray, " time"]:
        """ms from the first sample."""
        return np.arange(self.signals.shape[1]) * 1000 / self.rate

    @property
    def duration(self) -> float:
        """ms; each sample lasts one sampling interval."""
        return self.signals.shape[1] * 1000 / self.rate

    def lead(self, name: str) -> Float[np.ndarray, " time"]:
        """One lead, mV."""
        return self.signals[self._row(name)]

    def select(self, *names: str) -> "ECG":
        """Only these leads, in this order."""
        rows = [self._row(name) for name in names]
        return replace(self, signals=self.signals[rows], leads=tuple(self.leads[r] for r in rows))

    def in_standard_order(self) -> "ECG":
        """The same leads as I II III aVR aVL aVF V1-V6, others after them."""
        return self.select(*in_standard_order(self.leads))

    def between(self, start: float, end: float) -> "ECG":
        """The samples from `start` up to, but without, `end`; ms from the first sample."""
        first, last = (round(t * self.rate / 1000) for t in (start, end))
        if not 0 <= first < last <= self.signals.shape[1]:
            raise InputError(
                f"{start:g} to {end:g} ms is not inside the ECG, which lasts {self.duration:g} ms"
            )
        return replace(self, signals=self.signals[:, first:last])

    def with_limb_leads(self) -> "ECG":
        """All six limb leads, those absent by Einthoven's and Goldberger's equations, in standard
        order. Needs two of them."""
        limb = solve_limb_leads(dict(zip(self.leads, self.signals, strict=True)))
        if not limb:
            raise InputError(
                f"the limb leads follow from two of them; this ECG has {', '.join(self.leads)}"
            )
        absent = [name for name in limb if name not in self.leads]
        signals = np.vstack([self.signals, *(limb[name] for name in absent)])
        return replace(self, signals=signals, leads=self.leads + tuple(absent)).in_standard_order()

    def remark(self, *sentences: str) -> "ECG":
        """The same ECG with more said about it."""
        return replace(self, remarks=self.remarks + sentences)

    def resample(self, rate: float) -> "ECG":
        """At another rate, Hz; see `ecg_filters.resample`."""
        from twin.simulation.recording.filters import resample

        return resample(self, rate)

    def measure(self, **settings) -> "Measures":
        """QRS, QT, axis, amplitudes and the rest; see `ecg_measures.measure`."""
        from twin.simulation.recording.measures import measure

        return measure(self, **settings)

    def faults(self) -> tuple["Fault", ...]:
        """What is wrong with the recording; see `ecg_quality.find_faults`."""
        from twin.simulation.recording.quality import find_faults

        return find_faults(self)

    def plot(self, path: str | Path, **settings) -> None:
        """ECG paper as PNG, PDF or SVG; see `ecg_paper.plot_ecg`."""
        from twin.simulation.recording.paper import plot_ecg

        plot_ecg(self, path, **settings)

    def __repr__(self) -> str:
        return (
            f"ECG({len(self.leads)} leads, {self.duration / 1000:.3g} s at {self.rate:g} Hz, "
            f"{self.content[:8]})"
        )

    def _row(self, name: str) -> int:
        wanted = canonical_name(name)
        if wanted not in self.leads:
            raise InputError(f"lead {name} is not in this ECG, which has {', '.join(self.leads)}")
        return self.leads.index(wanted)


def standard_ecg(
    signals: Float[np.ndarray, "leads time"], rate: float, leads: Sequence[str] = STANDARD, **more
) -> ECG:
    """An ECG with all limb leads in standard order, from leads in mV that determine them."""
    return ECG(signals, rate, tuple(leads), **more).with_limb_leads()


def _validate(ecg: ECG) -> None:
    if ecg.signals.ndim != 2 or 0 in ecg.signals.shape:
        raise InputError(f"an ECG is leads x time; this array has the shape {ecg.signals.shape}")
    if not np.isfinite(ecg.rate) or not 0 < ecg.rate <= 1e6:
        raise InputError(f"the rate is {ecg.rate:g} Hz; expected 250-1000, say")
    if len(ecg.leads) != len(ecg.signals):
        raise InputError(f"{len(ecg.leads)} lead names for {len(ecg.signals)} rows of signal")
    twice = sorted({name for name in ecg.leads if ecg.leads.count(name) > 1})
    if twice:
        raise InputError(f"lead {', '.join(twice)} appears more than once; name each lead once")
    whole = np.isfinite(ecg.signals).all(axis=1)
    if not whole.all():
        broken = [name for name, fine in zip(ecg.leads, whole, strict=True) if not fine]
        count = int((~np.isfinite(ecg.signals)).sum())
        raise InputError(f"{count:,} samples in {', '.join(broken)} are not finite numbers")
