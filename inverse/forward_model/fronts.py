"""The fronts of a recording: which patches each passed, and what it did there.

Of each are kept its slowness along and across the fibres, which tells of the tissue, and what else
makes fronts fast or slow: how far the tissue had recovered, whether the front was bent or ran into
another one. All is relative to the range of the recording's potentials.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.inverse.forward_model.portrait import AtrialPortrait, Neighbours

FEATURES = 18
LEVEL, EXCITED = 0.4, 0.15
"""Of the range: where a front is said to have come, and above which tissue is not at rest."""
BEFORE, AFTER = 8, 9
"""Frames around it that are looked at."""
SAMPLED = 7
"""Of so many potentials one is looked at to tell their range."""
RISING, WHOLE = 0.05, 0.3
"""Of the steepest rise, down to which a front lasts; of the range, that a front rises at least."""
MEMORIES = (50.0, 100.0, 200.0)
"""ms over which it is remembered whether tissue was excited."""
LONGEST_REST, LONGEST = 300.0, 400.0
"""ms of rest before a front, and of excitation after it; more is not told apart."""
SAME = 30.0
"""ms within which patches near each other are taken to be passed by the same front."""
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Fronts:
    """`patch` says where each was seen."""

    patch: Int[np.ndarray, " fronts"]
    features: Float[np.ndarray, "fronts features"]

    @staticmethod
    def of(
        portrait: AtrialPortrait,
        means: Float[np.ndarray, "patches times"],
        gradients: Float[np.ndarray, "patches 3 times"],
        interval: float,
    ) -> "Fronts":
        """From the mean potential and the mean gradient of each patch, in the axes of the atrium,
        every `interval` ms."""
        low, high = np.quantile(means.ravel()[::SAMPLED], [0.03, 0.97])
        range_ = high - low + TINY
        levels = ((means - low) / range_).astype(np.float32)
        patch, frame = np.nonzero((levels[:, :-1] < LEVEL) & (levels[:, 1:] >= LEVEL))
        seen = _Passing.of(levels, gradients, range_, patch, frame)
        kept = seen.whole
        patch, frame, seen = patch[kept], frame[kept], seen.only(kept)
        when = interval * (frame + _share(levels, patch, frame))
        timed = np.ascontiguousarray(levels.T)
        with ThreadPoolExecutor(1) as beside:
            speed = beside.submit(_speed, seen, portrait.dyads[patch], interval)
            others = [
                *_past(timed, patch, frame - BEFORE + seen.first, interval),
                _duration(timed, patch, frame, interval),
                *_company(when, patch, frame, timed.shape, portrait.neighbours),
                np.minimum(when / LONGEST_REST, 1),
            ]
            parts = [*speed.result(), *others]
        return Fronts(patch, np.stack(parts, axis=1).astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Passing:
    """What happened at each patch in the frames around a front: levels, their rise from frame to
    frame, the gradients in between, and in which of these moments the front was passing."""

    levels: Float[np.ndarray, "fronts frames"]
    rises: Float[np.ndarray, "fronts moments"]
    gradients: Float[np.ndarray, "fronts moments 3"]
    during: Bool[np.ndarray, "fronts moments"]

    @staticmethod
    def of(levels, gradients, range_: float, patch, frame) -> "_Passing":
        last = levels.shape[1] - 1
        around = np.clip(frame[:, None] + np.arange(-BEFORE, AFTER + 1), 0, last)
        shown = levels[patch[:, None], around]
        slopes = np.asarray(gradients)[patch[:, None], :, around] / range_
        rises = np.diff(shown, axis=1)
        rising = rises > RISING * rises.max(axis=1, initial=0, keepdims=True)
        past = np.logical_and.accumulate(rising[:, BEFORE::-1], axis=1)[:, ::-1]
        coming = np.logical_and.accumulate(rising[:, BEFORE:], axis=1)
        during = np.concatenate([past[:, :-1], coming], axis=1)
        return _Passing(shown, rises, (slopes[:, 1:] + slopes[:, :-1]) / 2, during)

    def only(self, kept: Bool[np.ndarray, " fronts"]) -> "_Passing":
        return _Passing(*(getattr(self, name)[kept] for name in vars(self)))

    @property
    def rise(self) -> Float[np.ndarray, " fronts"]:
        return (self.rises * self.during).sum(axis=1)

    @property
    def whole(self) -> Bool[np.ndarray, " fronts"]:
        return (self.rise > WHOLE) & self.during[:, BEFORE]

    @property
    def first(self) -> Int[np.ndarray, " fronts"]:
        """The frame in which each begins."""
        return self.during.argmax(axis=1)


def _share(levels, patch, frame) -> Float[np.ndarray, " fronts"]:
    """Of the step from a frame to the next one, after which the level is reached."""
    before, after = levels[patch, frame], levels[patch, frame + 1]
    return (LEVEL - before) / (after - before)


def _speed(seen: _Passing, dyads: Float[np.ndarray, "fronts 3 3"], interval: float):
    """A front V(t - T) has the gradient -V' grad T: summed over its passing this is its slowness,
    however coarse the frames are. Beside it the quotient of rises and slopes, and how straight on
    it went."""
    rise = seen.rise
    weighed = seen.gradients * seen.during[..., None]
    slowness = -interval * weighed.sum(axis=1) / rise[:, None]
    square = (slowness**2).sum(axis=1)
    squares = np.einsum("fmx,fmx->fm", weighed, weighed)
    slopes = np.sqrt(squares)
    along = np.einsum("fx,fxy,fy->f", slowness, dyads, slowness) / (square + 1e-9)
    straight = np.sqrt(square) / (interval * slopes.sum(axis=1) / rise + 1e-9)
    rates = (seen.rises / interval) ** 2
    quotient = (rates * squares).sum(axis=1) / ((squares * squares).sum(axis=1) + TINY)
    start = np.take_along_axis(seen.levels, seen.first[:, None], axis=1)[:, 0]
    return (
        np.log(square + 1e-3), along, np.log(quotient + 1e-3), straight,
        np.log(seen.rises.max(axis=1, initial=0) + TINY),
        np.log(slopes.max(axis=1, initial=0) + 1e-3),
        rise, start, np.log(seen.during.sum(axis=1)),
    )  # fmt: skip


def _past(levels: Float[np.ndarray, "times patches"], patch, first, interval: float):
    """How much of the time before it the tissue was excited, and how long it has been at rest."""
    excited = levels > EXCITED
    begin = np.maximum(first, 0)
    remembered = _remembered(excited.astype(np.float32), interval)[begin, :, patch].T
    frames = np.arange(len(levels), dtype=np.int32)[:, None]
    latest = np.maximum.accumulate(np.where(excited, frames, np.int32(-1)))
    before = latest[np.maximum(begin - 1, 0), patch]
    rest = np.where(before < 0, LONGEST_REST, interval * (begin - before))
    return *remembered, np.log(rest + interval) / 2, before < 0


def _remembered(
    excited: Float[np.ndarray, "times patches"], interval: float
) -> Float[np.ndarray, "times memories patches"]:
    """Before the first frame as much as usual."""
    kept = np.exp(-interval / np.array(MEMORIES, np.float32))[:, None]
    found = np.empty((len(excited), len(MEMORIES), excited.shape[1]), np.float32)
    found[0] = excited.mean(axis=0)
    gained = (1 - kept) * excited[:, None]
    for time in range(1, len(found)):
        found[time] = kept * found[time - 1] + gained[time - 1]
    return found


def _duration(levels: Float[np.ndarray, "times patches"], patch, frame, interval: float):
    frames = np.arange(len(levels), dtype=np.float32)[:, None]
    ends = np.where(levels > EXCITED, np.float32(np.inf), frames)
    ends = np.minimum.accumulate(ends[::-1])[::-1]
    lasted = interval * (ends[np.minimum(frame + 2, len(levels) - 1), patch] - frame)
    return np.log(np.minimum(lasted, LONGEST)) / 2


def _company(when, patch, frame, shape, near: Neighbours):
    """How much later the front came to the patches near by, in the mean and at all: where it is
    bent, or meets another one, they are earlier or later all around."""
    before, after = _fronts_about(when, patch, frame, shape)
    at = (frame[:, None], near.nearest[patch])
    earlier, later = when[:, None] - before[at], after[at] - when[:, None]
    apart = np.where(earlier < later, -earlier, later)
    same = np.abs(apart) < SAME
    weight = near.weights[patch] * same
    apart = np.where(same, apart, 0)
    total = weight.sum(axis=1) + 1e-6
    late = (weight * apart).sum(axis=1) / total
    spread = np.sqrt((weight * apart**2).sum(axis=1) / total)
    return late / 10, spread / 10


def _fronts_about(
    when, patch, frame, shape
) -> tuple[Float[np.ndarray, "times patches"], Float[np.ndarray, "times patches"]]:
    """When the last front came to each patch up to each frame, and the first one from it on."""
    far = np.float32(1e6)
    before, after = np.full(shape, -far), np.full(shape, far)
    before[frame, patch] = after[frame, patch] = when
    return np.maximum.accumulate(before), np.minimum.accumulate(after[::-1])[::-1]
