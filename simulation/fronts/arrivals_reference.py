"""The eikonal kernel in plain JAX: where there is no native one, and to hold that one against.

Nodes that have improved hand their time on to the elements around them, the earliest first, a
fixed number in each step: one compiled loop, whatever the front does.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from twin.simulation.fronts.front import EDGES

OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
EDGE_NUMBER = np.zeros((4, 4), int)
EDGE_NUMBER[tuple(EDGES.T)] = EDGE_NUMBER[tuple(EDGES.T[::-1])] = np.arange(6)
EDGES_OF_PLACE = np.array(
    [
        [*(EDGE_NUMBER[place, o]), EDGE_NUMBER[o[0], o[1]], EDGE_NUMBER[o[0], o[2]],
         EDGE_NUMBER[o[1], o[2]]]
        for place, o in enumerate(OTHERS)
    ]
)  # fmt: skip
"""For each place of a node in its element: edges to corners a, b, c, and a-b, a-c, b-c."""


ABSENT = 1e6
"""Squared travel time along an edge that does not exist, ms2: too long for obtuse angles."""


def solve(rings, metric, speeds, blocked, begin):
    """As `arrivals._solve`: times, and the slot that each came through."""
    lengths = edge_lengths(metric, speeds, blocked)
    nodes = begin.shape[0]
    begin = jnp.append(begin, jnp.inf)
    step_size = max(256, int(2 * nodes ** (2 / 3)))
    budget = step_size * max(1, -(-rings.slots.shape[0] // nodes))
    rounding = 4 * jnp.finfo(begin.dtype).eps

    def step(state):
        times, waiting, window = state
        keys = jnp.where(waiting, times, jnp.inf)
        due = keys <= keys.min() + window
        count = due.sum()
        chosen = jnp.nonzero(due[:-1], size=step_size, fill_value=nodes)[0]
        chosen, elements, valid = _expand(rings, chosen, budget)
        corners = jnp.where(valid[:, None], rings.corners[elements], nodes)
        found = _arrivals(times[corners], lengths[elements])[0]
        fresh = times.at[corners].min(found).at[nodes].set(jnp.inf)
        improved = fresh < times - rounding * jnp.abs(jnp.where(times < jnp.inf, times, 0))
        waiting = waiting.at[chosen].set(False) | improved
        window = jnp.where(count < step_size // 2, window * 1.3, window)
        window = jnp.where(count > step_size, window * 0.7, window)
        return jnp.where(improved, fresh, times), waiting, window

    known = (lengths > 0) & (lengths < jnp.inf)
    window = jnp.sqrt(jnp.where(known, lengths, 0).sum() / jnp.maximum(known.sum(), 1))
    state = (begin, begin < jnp.inf, window)
    times, _, _ = lax.while_loop(lambda s: s[1].any(), step, state)
    return times[:-1], _winners(rings, lengths, times, begin)


def adjoint(rings, metric, speeds, blocked, times, winners, by_times):
    """As `arrivals._adjoint`: gradients by `begin` and by the speeds."""
    lengths, by_speeds = jax.vjp(lambda s: edge_lengths(metric, s, blocked), speeds)
    by_begin, by_lengths = _adjoint_by_lengths(rings, lengths, times, winners, by_times)
    return by_begin, *by_speeds(by_lengths)


def edge_lengths(metric, speeds, blocked):
    """Squared travel time along every edge, ms2: e' D^-1 e with D = sum of speed^2 axis axis'.

    A blocked element's edges take for ever (or are NaN, where they run along an axis), which no
    front crosses.
    """
    speeds, blocked = speeds[metric.order], blocked[metric.order]
    slowness = jnp.where(blocked[:, None], jnp.inf, jnp.where(blocked[:, None], 1, speeds) ** -2)
    b, c, d = (metric.spans[:, corner] for corner in range(3))
    lengths = jnp.zeros((len(speeds), 6), metric.spans.dtype)
    # Column by column: XLA makes several times slower loops of a stacked or contracted form.
    for column, edge in enumerate((b, c, d, c - b, d - b, d - c)):
        square = sum(edge[axis] ** 2 * slowness[:, axis] for axis in range(3))
        if len(metric.absent):
            square = jnp.where(metric.absent[:, column], ABSENT, square)
        lengths = lengths.at[:, column].set(square)
    return lengths


def _adjoint_by_lengths(rings, lengths, times, winners, by_times):
    nodes = times.shape[0]
    through = winners >= 0
    element, place = jnp.where(through, winners, 0) // 4, jnp.where(through, winners, 0) % 4
    edges = jnp.asarray(EDGES_OF_PLACE)[place]
    parents = jnp.take_along_axis(rings.corners[element], jnp.asarray(OTHERS)[place], axis=1)
    known = jnp.append(times, jnp.inf)[parents]
    length = jnp.take_along_axis(lengths[element], edges, axis=1)
    _, shares = arrive(known, length)
    shares = jnp.where(through[:, None], shares, 0)
    value = _hand_back(by_times, jnp.where(shares > 0, parents, nodes), shares)
    distance = -jnp.sum(jnp.where(shares > 0, shares * (known - times[:, None]), 0), axis=1)
    half = jnp.where(through, value / (2 * jnp.where(through, distance, 1)), 0)
    a, b, c = shares.T
    by_edges = half[:, None] * jnp.stack([a, b, c, -a * b, -a * c, -b * c], axis=1)
    by_lengths = jnp.zeros_like(lengths).at[element[:, None], edges].add(by_edges)
    begun = ~through & (times < jnp.inf)
    return jnp.where(begun, value, 0), by_lengths


def arrive(times, lengths):
    """Earliest arrival at a node from the corners a, b, c of its element's opposite face, and
    their shares in the point it came through. `lengths` are squared travel times along the
    node's edges to a, b, c and along a-b, a-c, b-c. See twin/native/eikonal_element.h."""
    ta, tb, tc = (times[..., i] for i in range(3))
    la, lb, lc, lab, lac, lbc = (lengths[..., i] for i in range(6))
    gab, gac, gbc = (la + lb - lab) / 2, (la + lc - lac) / 2, (lb + lc - lbc) / 2
    caa, cbb, ccc = lb * lc - gbc**2, la * lc - gac**2, la * lb - gab**2
    cab, cac, cbc = gac * gbc - gab * lc, gab * gbc - gac * lb, gab * gac - gbc * la
    det = la * caa + gab * cab + gac * cac
    b, c = tb - ta, tc - ta
    zero, one = jnp.zeros_like(ta), jnp.ones_like(ta)
    best = _better((jnp.inf * one, one, zero, zero), ta + jnp.sqrt(la), (one, zero, zero))
    best = _better(best, tb + jnp.sqrt(lb), (zero, one, zero))
    best = _better(best, tc + jnp.sqrt(lc), (zero, zero, one))
    time, s = _through_edge(ta, b, la, gab, lab, ccc)
    best = _better(best, time, (1 - s, s, zero))
    time, s = _through_edge(ta, c, la, gac, lac, cbb)
    best = _better(best, time, (1 - s, zero, s))
    time, s = _through_edge(tb, tc - tb, lb, gbc, lbc, caa)
    best = _better(best, time, (zero, 1 - s, s))
    ra, rb, rc = caa + cab + cac, cab + cbb + cbc, cac + cbc + ccc
    mixed, whole = rb * b + rc * c, ra + rb + rc
    pb, pc = cbb * b + cbc * c, cbc * b + ccc * c
    tau = (mixed + jnp.sqrt(mixed**2 - whole * (b * pb + c * pc - det))) / whole
    wa, wb, wc = ra * tau - (cab * b + cac * c), rb * tau - pb, rc * tau - pc
    flat = 1e-5 if times.dtype == jnp.float32 else 1e-12
    inside = (wa >= 0) & (wb >= 0) & (wc >= 0) & (det > flat * la * lb * lc)
    total = wa + wb + wc
    face = (ta + tau, wa / total, wb / total, wc / total)
    best = tuple(jnp.where(inside, x, y) for x, y in zip(face, best, strict=True))
    return best[0], jnp.stack(best[1:], axis=-1)


def _through_edge(t, step, gii, gij, length, area):
    slack = length - step * step
    root = jnp.sqrt(area * slack)
    place = (gii - gij) * slack - step * root
    inside = (slack > 0) & (place >= 0) & (place <= length * slack)
    time = t + ((gii - gij) * step + root) / length
    return jnp.where(inside, time, jnp.inf), place / (length * slack)


def _better(best, time, shares):
    earlier = time < best[0]
    return tuple(jnp.where(earlier, x, y) for x, y in zip((time, *shares), best, strict=True))


def _arrivals(times, lengths):
    """Arrival at each corner of elements from their other three, and the shares of those."""
    found = [arrive(times[:, OTHERS[k]], lengths[:, EDGES_OF_PLACE[k]]) for k in range(4)]
    return tuple(jnp.stack(x, axis=1) for x in zip(*found, strict=True))


def _expand(rings, chosen, budget: int):
    """The elements around the first of the chosen nodes whose rings fit in the budget: those
    nodes (others replaced by one past the last), `budget` elements, and which of these count."""
    nodes = rings.start.shape[0] - 1
    inside = jnp.minimum(chosen, nodes - 1)
    size = jnp.where(chosen < nodes, rings.start[inside + 1] - rings.start[inside], 0)
    end = jnp.cumsum(size)
    fits = end <= budget
    size = jnp.where(fits, size, 0)
    owner = jnp.repeat(jnp.arange(len(chosen)), size, total_repeat_length=budget)
    at = jnp.arange(budget) - (end - size)[owner]
    valid = jnp.arange(budget) < size.sum()
    node = inside[owner]
    slot = rings.slots[jnp.where(valid, rings.start[node] + at, 0)]
    return jnp.where(fits, chosen, nodes), jnp.where(valid, slot // 4, 0), valid


def _winners(rings, lengths, times, begin):
    """For each node the slot that its time came through, the lowest of equals."""
    found = _arrivals(times[rings.corners], lengths)[0]
    first = jnp.full_like(times, jnp.inf).at[rings.corners].min(found)
    codes = jnp.arange(4 * len(lengths), dtype=jnp.int32).reshape(-1, 4)
    last = jnp.iinfo(jnp.int32).max
    codes = jnp.where((found == first[rings.corners]) & (found < jnp.inf), codes, last)
    winner = jnp.full(times.shape, last, jnp.int32).at[rings.corners].min(codes)
    through = (winner < last) & (times < begin)
    return jnp.where(through, winner, -1)[:-1]


def _hand_back(seeds, parents, shares):
    """value = seeds + what the nodes that hang on a node hand back to it, by their shares: step
    by step backwards, since dependencies need not run in the order of time."""

    def step(state):
        value, fresh, _ = state
        handed = shares * fresh[:-1, None]
        fresh = jnp.zeros_like(fresh).at[parents].add(handed).at[-1].set(0)
        value = value + fresh
        done = jnp.abs(fresh).max() <= jnp.finfo(value.dtype).tiny + 1e-18 * jnp.abs(value).max()
        return value, fresh, done

    seeds = jnp.append(seeds, 0)
    state = (seeds, seeds, jnp.array(False))
    return lax.while_loop(lambda s: ~s[2], step, state)[0][:-1]
