"""The ECGs of sampled healthy adults beside what health allows, and those of their bundle-branch
blocks beside the textbook. docs/forward_ecg.md has the published norms and ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from twin.benchmarks.figure import Figure, at_least, report
from twin.benchmarks.healthy_adults import SampledBeat, adults
from twin.simulation.purkinje import Bundle
from twin.simulation.recording.measures import LEAST_WAVE, Measures

OF_EACH_SEX, QUICK_OF_EACH_SEX = 100, 2
BLOCKED_OF_EACH_SEX, QUICK_BLOCKED_OF_EACH_SEX = 10, 1

UPRIGHT_T = ("I", "II", "V4", "V5", "V6")

Measured = tuple[SampledBeat, Measures]
Rule = Callable[[SampledBeat, Measures], bool]


def figures(quick: bool) -> Iterator[Figure]:
    count = QUICK_OF_EACH_SEX if quick else OF_EACH_SEX
    healthy = _measure(count, None)
    how = f"{len(healthy)} sampled adults (seeds 0-{count - 1}, a woman and a man of each)"
    for name, (rule, least) in HEALTHY.items():
        yield at_least(f"population_{name}_share", share(healthy, rule), least, "", how)
    for lead in UPRIGHT_T:
        upright = share(healthy, partial(_t_upright_in, lead=lead))
        yield report(f"population_t_upright_{lead.lower()}_share", upright, "", how)
    steps = share(healthy, lambda _, m: r_grows_at_every_step(m))
    yield report("population_r_grows_at_every_step_share", steps, "", f"{how}; V1 < V2 < V3 < V4")
    yield from _block_figures(quick)


def _block_figures(quick: bool) -> Iterator[Figure]:
    count = QUICK_BLOCKED_OF_EACH_SEX if quick else BLOCKED_OF_EACH_SEX
    for bundle, rules in ((Bundle.LEFT, LEFT_BLOCK), (Bundle.RIGHT, RIGHT_BLOCK)):
        blocked = _measure(count, bundle)
        how = (
            f"{len(blocked)} adults (seeds 0-{count - 1}) with the {bundle.name.lower()} branch cut"
        )
        short = "lbbb" if bundle is Bundle.LEFT else "rbbb"
        for name, rule in rules.items():
            yield report(f"{short}_{name}_share", share(blocked, rule), "", how)
        yield report(f"{short}_median_qrs", np.median(durations(blocked)), "ms", how)
        whole = share(blocked, partial(_keeps_all, rules=rules))
        yield at_least(f"{short}_textbook_share", whole, 0.95, "", f"{how}; all of these at once")


def _measure(of_each_sex: int, bundle: Bundle | None) -> list[Measured]:
    beats = (adult.beat(bundle) for adult in adults(0, of_each_sex))
    return [(beat, beat.measures()) for beat in beats]


def share(measured: Sequence[Measured], rule: Rule) -> float:
    return float(np.mean([rule(beat, measures) for beat, measures in measured]))


def _t_upright_in(_: SampledBeat, measures: Measures, lead: str) -> bool:
    return measures.t_amplitudes is not None and measures.of("t_amplitudes", lead) > 0


def _keeps_all(beat: SampledBeat, measures: Measures, rules: Mapping[str, Rule]) -> bool:
    return all(rule(beat, measures) for rule in rules.values())


def durations(measured: Sequence[Measured]) -> Float[np.ndarray, " beats"]:
    return np.array([measures.qrs_duration for _, measures in measured])


def qt_is_normal(measures: Measures) -> bool:
    return measures.qt_interval is not None and 340 <= measures.qt_interval <= 460


def axis_is_normal(measures: Measures) -> bool:
    return measures.axis is not None and -30 <= measures.axis <= 90


def t_is_upright(measures: Measures) -> bool:
    return measures.t_amplitudes is not None and all(
        measures.of("t_amplitudes", lead) > 0 for lead in UPRIGHT_T
    )


def r_progresses(measures: Measures) -> bool:
    """R is higher in V4 than in V1, and S shallower in V4 than in V2, where health has it deepest
    (in V1 it is shallower than in V2)."""
    r = measures.r_progression
    shrinks = measures.of("s_amplitudes", "V4") > measures.of("s_amplitudes", "V2")
    return r["V4"] > r["V1"] and shrinks


def r_grows_at_every_step(measures: Measures) -> bool:
    r = measures.r_progression
    return r["V1"] < r["V2"] < r["V3"] < r["V4"]


HEALTHY: dict[str, tuple[Rule, float]] = {
    "qrs": (lambda _, m: 70 <= m.qrs_duration <= 110, 0.95),
    "axis": (lambda _, m: axis_is_normal(m), 0.90),
    "r_progression": (lambda _, m: r_progresses(m), 0.95),
    "t_upright": (lambda _, m: t_is_upright(m), 0.95),
    "qt": (lambda _, m: qt_is_normal(m), 0.95),
    "r_v5": (lambda _, m: 0.5 <= m.of("r_amplitudes", "V5") <= 3.0, 0.95),
}
"""Each rule with the share that is to keep it."""


Phase = tuple[float, float]
"""The extreme of a phase of a QRS, mV, and how long it lasts, ms."""


def phases(qrs: Float[np.ndarray, " time"], step: float) -> list[Phase]:
    """What a QRS consists of, in order: stretches of one sign whose extreme is a wave."""
    borders = np.flatnonzero(np.diff(np.sign(qrs)) != 0) + 1
    parts = np.split(qrs, borders)
    found = [(float(p[np.abs(p).argmax()]), len(p) * step) for p in parts]
    return [phase for phase in found if abs(phase[0]) >= LEAST_WAVE]


def _phases(beat: SampledBeat, measures: Measures, lead: str) -> list[Phase]:
    return phases(beat.qrs(measures, lead), 1000 / beat.ecg.rate)


def broad_r(found: list[Phase]) -> bool:
    """One upright phase of 60 ms or more holds the most of the lead."""
    height, duration = max(found, key=lambda phase: abs(phase[0]), default=(0.0, 0.0))
    return height > 0 and duration >= 60


def rs_or_qs(found: list[Phase]) -> bool:
    """Down, after at most a smaller r."""
    signs = [phase[0] > 0 for phase in found]
    return signs == [False] or (signs == [True, False] and found[0][0] < -found[1][0])


def rsr(found: list[Phase]) -> bool:
    """r, S and a second R that is higher than the first."""
    signs = [phase[0] > 0 for phase in found]
    return signs[:3] == [True, False, True] and found[2][0] > found[0][0]


def broad_s(found: list[Phase]) -> bool:
    """It ends below the level: for longer than R, or for more than 40 ms."""
    if len(found) < 2 or found[-1][0] > 0:
        return False
    return found[-1][1] > min(40.0, found[-2][1])


LEFT_BLOCK: dict[str, Rule] = {
    "qrs_over_120": lambda _, m: m.qrs_duration >= 120,
    "broad_r_in_i": lambda b, m: broad_r(_phases(b, m, "I")),
    "broad_r_in_v6": lambda b, m: broad_r(_phases(b, m, "V6")),
    "rs_or_qs_in_v1": lambda b, m: rs_or_qs(_phases(b, m, "V1")),
}
RIGHT_BLOCK: dict[str, Rule] = {
    "qrs_over_120": lambda _, m: m.qrs_duration >= 120,
    "rsr_in_v1": lambda b, m: rsr(_phases(b, m, "V1")),
    "broad_s_in_i": lambda b, m: broad_s(_phases(b, m, "I")),
    "broad_s_in_v6": lambda b, m: broad_s(_phases(b, m, "V6")),
}
"""After the recommendations of AHA, ACCF and HRS (Surawicz et al., Circulation 119:e235, 2009)."""
