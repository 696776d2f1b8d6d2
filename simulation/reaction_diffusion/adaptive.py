"""Longer steps while nothing happens fast.

An upstroke needs steps of 0.02 ms, recovery does with several times as much. Between two samples of
a run long steps are tried; where a potential turns out to have risen fast they are taken again, as
short ones. What is decided follows from the state alone, so a restarted run decides the same.
"""

from dataclasses import dataclass, replace

import jax
import numpy as np

from twin.simulation.reaction_diffusion.marching import march
from twin.simulation.reaction_diffusion.stepping import Equation, TissueState
from twin.simulation.reaction_diffusion.stimulus import Stimulus

QUIET = 1.0
"""mV/ms; a potential that rises faster may be the beginning of an upstroke."""

march_steps = jax.jit(march, static_argnames="steps")


@dataclass(frozen=True, eq=False)
class Marcher:
    """`steps` steps of the equation's, some of them together where `longest_step` (ms) allows."""

    equation: Equation
    stimulus: Stimulus
    longest_step: float

    def __call__(self, *, state: TissueState, steps: int) -> TissueState:
        at_once = self._at_once(int(state.step), steps)
        if at_once > 1 and not self._stimulated(int(state.step), steps):
            later = self._long(state, steps, at_once)
            risen = np.max(np.asarray(later.cells[0]) - np.asarray(state.cells[0]))
            # Not a number is no calm either.
            if risen < QUIET * steps * self.equation.time_step:
                return later
        return march_steps(self.equation, state, self.stimulus, steps=steps)

    def _at_once(self, first: int, steps: int) -> int:
        """The most steps in one that divide what is to be done and what has been."""
        most = int(self.longest_step / self.equation.time_step + 1e-6)
        return max(n for n in range(1, max(1, most) + 1) if steps % n == first % n == 0)

    def _long(self, state: TissueState, steps: int, at_once: int) -> TissueState:
        longer = replace(self.equation, time_step=at_once * self.equation.time_step)
        begin = replace(state, step=state.step // at_once)
        end = march_steps(longer, begin, self.stimulus, steps=steps // at_once)
        return replace(end, step=end.step * at_once)

    def _stimulated(self, first: int, steps: int) -> bool:
        """Whether any pulse falls into these steps."""
        begin = first * self.equation.time_step
        end = begin + steps * self.equation.time_step
        return any(start < end and stop > begin for start, stop in self.stimulus.spans)
