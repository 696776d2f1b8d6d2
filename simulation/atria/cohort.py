"""A cohort of left atria: for each subject the anatomy, what potentials did in several rhythms, and
the leads that saw it; and bodies, of whom only the anatomy and what the electrodes see of it is
known. One HDF5 file each, whole or absent."""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from enum import Enum
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Float16

from twin.meshes.errors import InputError, TwinError
from twin.meshes.files import whole_file
from twin.meshes.progress import Progress, silent
from twin.simulation.atria.passage import Watch
from twin.simulation.atria.patches import Patches
from twin.simulation.atria.subject import Subject
from twin.simulation.atria.takes import INTERVAL, Take, takes_of
from twin.simulation.lead_field import LeadField, electrode_places
from twin.simulation.recruitment.crowds.making import available_cores, only_run
from twin.simulation.recruitment.crowds.worker import end_with
from twin.simulation.recruitment.crowds.workers import ONE_THREAD

FORM = 2
"""Of the files; a change of what they hold raises it."""
PLAN = "cohort.json"
MOST_DEATHS = 3
NODES = 16_000
FEWEST, MOST = 8_000, 100_000
BODY_NODES = 5_000
"""No front has to run on these."""
APART = 1_000_000
"""Between the seeds of subjects and of bodies."""


class Kind(Enum):
    """What a file holds; the value begins its name."""

    BODY = "body"
    SUBJECT = "subject"


@dataclass(frozen=True)
class AtrialPlan:
    """`subjects` of them, each on about `nodes` nodes; subject k is drawn by the seed + k. Fibres
    turn from the rule by `fibre_angle` degrees (SD). `bodies` are other people, made in a fifth of
    the time, from whom it is learned what skin, lungs and blood do to an electrode's field."""

    subjects: int = 120
    seed: int = 0
    nodes: int = NODES
    fibre_angle: float = 0.0
    bodies: int = 0
    form: int = FORM

    def __post_init__(self) -> None:
        if self.subjects < 1:
            raise InputError(f"{self.subjects} subjects were asked for; expected 1 or more")
        if self.bodies < 0:
            raise InputError(f"{self.bodies} bodies were asked for; expected 0 or more")
        if not 0 <= self.seed < APART - self.subjects:
            raise InputError(f"seed {self.seed}: expected 0 or more, and less than a million")
        if not 0 <= self.fibre_angle <= 45:
            raise InputError(f"fibre angle: {self.fibre_angle:g}, expected 0 to 45 degrees")
        if not FEWEST <= self.nodes <= MOST:
            raise InputError(f"nodes: {self.nodes:,}, expected {FEWEST:,} to {MOST:,}")

    def count(self, kind: Kind) -> int:
        return self.subjects if kind is Kind.SUBJECT else self.bodies


@dataclass(frozen=True, eq=False)
class StoredTake:
    """A recording: moments of each patch (mV mm) and the mean potential of each (mV) every 2 ms,
    how fronts passed, and I, II, V1 to V6 (mV)."""

    rhythm: str
    moments: Float16[np.ndarray, "patches 2 3 times"]
    scale: float
    """mV mm that a moment of 1 stands for."""
    means: Float16[np.ndarray, "patches times"]
    passage: Float[np.ndarray, "patches 8"]
    leads: Float[np.ndarray, "8 times"]


@dataclass(frozen=True, eq=False)
class StoredSubject:
    """`patches` holds what is known of each patch by its name, `electrodes` places in mm. The rest
    is what one does not know of a patient: the mean gradient of each electrode's field at each
    patch, and its conductivities, S/m, in all directions and more along the fibres."""

    file: Path
    number: int
    patches: Mapping[str, np.ndarray]
    electrodes: Float[np.ndarray, "electrodes 3"]
    fields: Float[np.ndarray, "electrodes patches 3"]
    conductivities: Float[np.ndarray, "patches 2"]
    drawn: Mapping[str, float | str]
    takes: tuple[StoredTake, ...]


class AtrialCohort(Sequence[StoredSubject]):
    """The subjects of a folder that have been made; each is read when it is asked for."""

    def __init__(self, folder: Path, plan: AtrialPlan) -> None:
        self.folder, self.plan = folder, plan

    @staticmethod
    def open(folder: str | Path) -> "AtrialCohort":
        folder = Path(folder)
        return AtrialCohort(folder, _plan_of(folder))

    @staticmethod
    def make(
        folder: str | Path,
        plan: AtrialPlan = AtrialPlan(),
        workers: int | None = None,
        progress: Progress = silent,
    ) -> "AtrialCohort":
        """What of the plan is missing is made, by so many processes; a run that ended early goes on
        when it is called again, and the files are the same."""
        folder = Path(folder).absolute()
        count = available_cores() if workers is None else workers
        if count < 1:
            raise InputError(f"{count} workers were asked for; expected 1 or more")
        _begin(folder, plan)
        with only_run(folder):
            _clear_parts(folder)
            _make_missing(folder, plan, count, progress)
        return AtrialCohort.open(folder)

    @cached_property
    def numbers(self) -> list[int]:
        """Of the subjects that are there."""
        return self._made(Kind.SUBJECT)

    @cached_property
    def bodies(self) -> list[StoredSubject]:
        """Read whole: they are small, and have no takes."""
        return [read_subject(_file(self.folder, Kind.BODY, k)) for k in self._made(Kind.BODY)]

    def _made(self, kind: Kind) -> list[int]:
        count = self.plan.count(kind)
        return [k for k in range(count) if _file(self.folder, kind, k).is_file()]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        return read_subject(_file(self.folder, Kind.SUBJECT, self.numbers[index]))

    def __repr__(self) -> str:
        bodies = f" and {self.plan.bodies} bodies" if self.plan.bodies else ""
        return f"AtrialCohort({len(self)} of {self.plan.subjects} subjects{bodies}, {self.folder})"


def _begin(folder: Path, plan: AtrialPlan) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / PLAN).exists():
        there = _plan_of(folder)
        if replace(there, subjects=plan.subjects, bodies=plan.bodies) != plan:
            raise InputError(
                f"{folder} holds a cohort of seed {there.seed} on {there.nodes:,} nodes, fibres "
                f"off by {there.fibre_angle:g} degrees; name another folder, or these settings"
            )
        plan = replace(
            plan,
            subjects=max(there.subjects, plan.subjects),
            bodies=max(there.bodies, plan.bodies),
        )
    elif any(folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no atrial cohort; name another folder")
    with whole_file(folder / PLAN) as part:
        part.write_text(json.dumps(asdict(plan), indent=1) + "\n")


def _plan_of(folder: Path) -> AtrialPlan:
    try:
        words = json.loads((folder / PLAN).read_text())
        plan = AtrialPlan(**words)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no atrial cohort: there is no {PLAN} in it") from None
    except (json.JSONDecodeError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / PLAN} cannot be read ({error}); delete the folder") from None
    if plan.form != FORM:
        raise InputError(
            f"{folder} is of form {plan.form}, this version reads {FORM}; make it anew"
        )
    return plan


def _file(folder: Path, kind: Kind, number: int) -> Path:
    return folder / f"{kind.value}_{number:05d}.h5"


def _clear_parts(folder: Path) -> None:
    for part in folder.glob(".*.part.h5"):
        part.unlink(missing_ok=True)


def _make_missing(folder: Path, plan: AtrialPlan, count: int, progress: Progress) -> None:
    """A worker that dies takes its pool with it: what was not finished goes to a new one."""
    for _ in range(MOST_DEATHS):
        missing = [
            (kind, number)
            for kind in Kind
            for number in range(plan.count(kind))
            if not _whole(_file(folder, kind, number))
        ]
        try:
            return _make(folder, plan, missing, count, progress)
        except BrokenProcessPool:
            continue
    raise TwinError(
        f"{MOST_DEATHS} workers died (out of memory?); what was made is kept: {folder}. "
        "Ask for fewer workers and call again"
    )


def _make(folder, plan: AtrialPlan, missing, count: int, progress: Progress) -> None:
    if not missing:
        return
    wanted = sum(plan.count(kind) for kind in Kind)
    done = wanted - len(missing)
    with ProcessPoolExecutor(
        min(count, len(missing)), get_context("spawn"), _begin_worker, (os.getpid(),)
    ) as pool:
        waiting = [pool.submit(make_person, folder, plan, *which) for which in missing]
        failures = []
        try:
            for future in as_completed(waiting):
                failures += [future.result()]
                done += 1
                progress(f"person {done} of {wanted}", done / wanted)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if said := [failure for failure in failures if failure]:
        raise TwinError(f"{len(said)} people could not be made; the first: {said[0]}")


def _begin_worker(parent: int) -> None:
    """One process a core: threads beside it would only be in each other's way."""
    end_with(parent)
    os.environ.update(ONE_THREAD)


def make_person(folder: Path, plan: AtrialPlan, kind: Kind, number: int) -> str | None:
    """Why it could not be made, if so: the others are made all the same."""
    try:
        with whole_file(_file(folder, kind, number)) as part, h5py.File(part, "w") as file:
            if kind is Kind.SUBJECT:
                subject = Subject.draw(plan.seed + number, plan.nodes, plan.fibre_angle)
            else:
                subject = Subject.draw(APART + plan.seed + number, BODY_NODES)
            patches, field = _write_anatomy(file, subject, number)
            if kind is Kind.SUBJECT:
                watch = Watch.of(patches)
                for place, take in enumerate(takes_of(subject, field, plan.seed + number)):
                    _write_take(file.create_group(f"takes/{place}"), patches, watch, take)
            file.attrs["whole"] = True
    except TwinError as error:
        return f"{kind.value} {number}: {error}"
    return None


def _write_anatomy(file: h5py.File, subject: Subject, number: int) -> tuple[Patches, LeadField]:
    """What is known of a patient, and beside it the truth."""
    torso = subject.torso.place(subject.atrium)
    patches = Patches.of(subject.atrium)
    field = LeadField.boundary_elements(subject.atrium, torso, keep=False)
    file.attrs["form"], file.attrs["number"] = FORM, number
    file.attrs["drawn"] = json.dumps(subject.drawn)
    file["electrodes"] = electrode_places(torso)
    for name, values in (patches.known() | patches.surroundings(torso)).items():
        file[f"patches/{name}"] = np.asarray(values, np.float32)
    file["truth/fields"] = patches.mean_gradients(np.asarray(field.potentials()))
    parts = subject.conducting.wall.parts(subject.conducting.atrium)
    file["truth/conductivities"] = patches.mean(np.stack(parts, axis=1)).astype(np.float32)
    file.create_group("takes")
    return patches, field


def _write_take(group: h5py.Group, patches: Patches, watch: Watch, take: Take) -> None:
    by_node = np.ascontiguousarray(take.potentials.T)
    moments = patches.moments(by_node)
    scale = float(np.abs(moments).max()) / 1000 or 1.0
    group.attrs["rhythm"], group.attrs["scale"] = take.rhythm, scale
    group["moments"] = (moments / scale).astype(np.float16)
    group["means"] = patches.node_mean(by_node).astype(np.float16)
    group["passage"] = watch.passage(by_node, INTERVAL)
    group["leads"] = take.leads.astype(np.float32)


def _whole(path: Path) -> bool:
    """Whether it is there and can be read; what is damaged is made anew."""
    if not path.is_file():
        return False
    try:
        with h5py.File(path) as file:
            return bool(file.attrs.get("whole", False)) and file.attrs["form"] == FORM
    except OSError:
        return False


def read_subject(path: Path) -> StoredSubject:
    try:
        with h5py.File(path) as file:
            takes = [file["takes"][k] for k in sorted(file["takes"], key=int)]
            return StoredSubject(
                path,
                int(file.attrs["number"]),
                {name: values[()] for name, values in file["patches"].items()},
                file["electrodes"][()],
                file["truth/fields"][()],
                file["truth/conductivities"][()],
                json.loads(file.attrs["drawn"]),
                tuple(_read_take(group) for group in takes),
            )
    except (OSError, KeyError) as error:
        raise InputError(
            f"{path} is damaged ({error}); delete it and call `twin atria cohort` again"
        ) from None


def _read_take(group: h5py.Group) -> StoredTake:
    return StoredTake(
        str(group.attrs["rhythm"]),
        group["moments"][()],
        float(group.attrs["scale"]),
        group["means"][()],
        group["passage"][()],
        group["leads"][()],
    )
