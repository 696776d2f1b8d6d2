"""The eikonal kernel in plain JAX: where there is no native one, and to hold that one against.

Nodes whose neighbours have improved take the earliest arrival through their rings, those first that
the front comes to first, and a fixed number in each step: one compiled loop, whatever the front
does. Everything is done column by column, which XLA turns into vector code.
"""

from typing import NamedTuple

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
EDGE_DIGITS = [int(sum(row << (4 * np.arange(4)))) for row in EDGES_OF_PLACE.T]
"""The same, one hexadecimal digit a place: arithmetic costs less than looking up."""

ABSENT = 1e6
"""Squared travel time along an edge that does not exist, ms2: too long for obtuse angles."""
LANES = 8
"""Rings are padded to a multiple of this (twin/native/eikonal_ring.h)."""
MOST_GROUPS = 64
"""Groups of that many slots that a node can have, with 255 neighbours."""
WIDENING, NARROWING, FILLED = 1.2, 0.8, 0.8
"""How the window that is due changes where a step fills too little of its room, or more of it."""


class Room(NamedTuple):
    """How many nodes, and groups of their slots, a step has room for."""

    nodes: int
    groups: int


def solve(rings, metric, speeds, blocked, begin):
    """As `arrivals._solve`: times, and the slot that each came through."""
    durations = jnp.sqrt(edge_lengths(metric, speeds, blocked))
    # An element's edges beside each other in memory, to be fetched together.
    rows = durations.T.reshape(-1)
    room = _room(rings)
    begin = jnp.append(begin, jnp.inf)
    rounding = 4 * jnp.finfo(begin.dtype).eps

    def step(state):
        times, keys, window = state
        due = keys <= keys.min() + window
        chosen, owner, slot, real = _choose(rings, due, room)
        others, edges = _others(rings, slot), _edges(rows, slot)
        known = tuple(times[other] for other in others)
        arrivals = jnp.where(real, arrive(known, edges)[0].min(axis=0), jnp.inf)
        found = jnp.full(room.nodes, jnp.inf, times.dtype).at[owner].min(arrivals)
        before = times[chosen]
        better = found < before - rounding * jnp.abs(jnp.where(before < jnp.inf, before, 0))
        times = times.at[chosen].set(jnp.where(better, found, before)).at[-1].set(jnp.inf)
        keys = keys.at[chosen].set(jnp.inf)
        news = jnp.where(better, found, jnp.inf)[owner]
        for other, time, delay in zip(others, known, _delays(edges), strict=True):
            keys = keys.at[other].min(jnp.where(real & (time > news + delay), news, jnp.inf))
        count = due.sum()
        window = jnp.where(count < FILLED * room.nodes, window * WIDENING, window)
        window = jnp.where(count > room.nodes, window * NARROWING, window)
        return times, keys.at[-1].set(jnp.inf), window

    state = (begin, _first_keys(rings, begin), _typical_edge(durations))
    times = lax.while_loop(lambda s: (s[1] < jnp.inf).any(), step, state)[0]
    return times[:-1], _winners(rings, durations, times, begin)


def adjoint(rings, metric, speeds, blocked, times, winners, by_times):
    """As `arrivals._adjoint`: gradients by `begin` and by the speeds."""
    lengths, by_speeds = jax.vjp(lambda s: edge_lengths(metric, s, blocked), speeds)
    by_begin, by_lengths = _adjoint_by_lengths(rings, lengths, times, winners, by_times)
    return by_begin, *by_speeds(by_lengths)


def edge_lengths(metric, speeds, blocked):
    """Squared travel time along every edge, ms2: e' D^-1 e with D = sum of speed^2 axis axis'.

    A row for each of the six edges. A blocked element's edges take for ever (or are NaN, where
    they run along an axis), which no front crosses.
    """
    blocked = blocked[metric.order]
    slowness = []
    for axis in range(3):
        speed = jnp.where(blocked, 1, speeds[:, axis][metric.order])
        slowness.append(jnp.where(blocked, jnp.inf, speed**-2))
    b, c, d = (metric.spans[:, corner] for corner in range(3))
    lengths = []
    for column, edge in enumerate((b, c, d, c - b, d - b, d - c)):
        square = sum(edge[axis] ** 2 * slowness[axis] for axis in range(3))
        if len(metric.absent):
            square = jnp.where(metric.absent[:, column], ABSENT, square)
        lengths.append(square)
    return jnp.stack(lengths)


def arrive(times, durations):
    """Earliest arrival at a node from the corners a, b, c of its element's opposite face, and
    their shares in the point it came through. `durations` are travel times along the node's edges
    to a, b, c and along a-b, a-c, b-c. See twin/native/eikonal_element.h."""
    ta, tb, tc = times
    da, db, dc = durations[:3]
    la, lb, lc, lab, lac, lbc = (duration**2 for duration in durations)
    gab, gac, gbc = (la + lb - lab) / 2, (la + lc - lac) / 2, (lb + lc - lbc) / 2
    caa, cbb, ccc = lb * lc - gbc**2, la * lc - gac**2, la * lb - gab**2
    cab, cac, cbc = gac * gbc - gab * lc, gab * gbc - gac * lb, gab * gac - gbc * la
    det = la * caa + gab * cab + gac * cac
    b, c = tb - ta, tc - ta
    zero, one = jnp.zeros_like(ta), jnp.ones_like(ta)
    best = _better((jnp.inf * one, one, zero, zero), ta + da, (one, zero, zero))
    best = _better(best, tb + db, (zero, one, zero))
    best = _better(best, tc + dc, (zero, zero, one))
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
    flat = 1e-5 if ta.dtype == jnp.float32 else 1e-12
    inside = (wa >= 0) & (wb >= 0) & (wc >= 0) & (det > flat * la * lb * lc)
    total = wa + wb + wc
    face = (ta + tau, wa / total, wb / total, wc / total)
    best = tuple(jnp.where(inside, x, y) for x, y in zip(face, best, strict=True))
    return best[0], best[1:]


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


def _room(rings) -> Room:
    """For half as many nodes again as a front has that is as large as the mesh's own side."""
    nodes = rings.start.shape[0] - 1
    room = max(256, int(1.5 * nodes ** (2 / 3)))
    return Room(room, max(MOST_GROUPS, -(-room * rings.slots.shape[0] // (LANES * nodes))))


def _typical_edge(durations):
    known = (durations > 0) & (durations < jnp.inf)
    return jnp.where(known, durations, 0).sum() / jnp.maximum(known.sum(), 1)


def _first_keys(rings, begin):
    """A node's key is the earliest time at which a neighbour improved: its place in the order."""
    corners = [rings.corners[:, k] for k in range(4)]
    earliest = jnp.stack([begin[corner] for corner in corners]).min(axis=0)
    keys = jnp.full_like(begin, jnp.inf)
    for corner in corners:
        keys = keys.at[corner].min(earliest)
    return keys.at[-1].set(jnp.inf)


def _choose(rings, due, room: Room):
    """The nodes that are due, as many as there is room for, and the groups of their slots.

    Returns the nodes (one past the last where there are fewer), for every group whose it is, its
    slots (one lane a row), and whether it counts.
    """
    nodes = rings.start.shape[0] - 1
    due = due[:-1]
    rank = jnp.where(due, _count(due) - 1, room.nodes)
    chosen = jnp.full(room.nodes, nodes, jnp.int32)
    chosen = chosen.at[rank].set(jnp.arange(nodes, dtype=jnp.int32), mode="drop")
    inside = jnp.minimum(chosen, nodes - 1)
    start = rings.start[inside] // LANES
    count = jnp.where(chosen < nodes, rings.start[inside + 1] // LANES - start, 0)
    end = jnp.cumsum(count)
    first, fits = end - count, end <= room.groups
    group = jnp.arange(room.groups, dtype=jnp.int32)
    real = group < jnp.where(fits, end, 0).max()
    begun = jnp.zeros(room.groups, jnp.int32).at[first].add(count > 0, mode="drop")
    owner = jnp.maximum(_count(begun) - 1, 0)
    index = jnp.where(real, (start - first)[owner] + group, 0)
    slot = rings.slots[LANES * index + jnp.arange(LANES, dtype=jnp.int32)[:, None]]
    return jnp.where(fits, chosen, nodes), owner, slot, real


def _count(marks):
    """Running sum of zeros and ones. By rows of a matrix: XLA's own takes four times as long."""
    width = 128
    rows = -(-marks.shape[0] // width)
    table = jnp.zeros(rows * width, jnp.float32).at[: marks.shape[0]].set(marks)
    within = table.reshape(rows, width) @ jnp.triu(jnp.ones((width, width), jnp.float32))
    within = within.astype(jnp.int32)
    before = jnp.cumsum(within[:, -1]) - within[:, -1]
    return (within + before[:, None]).reshape(-1)[: marks.shape[0]]


def _others(rings, slot):
    """The other three corners of a slot's element."""
    element, place = slot >> 2, slot & 3
    corners = rings.corners.reshape(-1)
    return tuple(corners[4 * element + other + (other >= place)] for other in range(3))


def _edges(rows, slot):
    """Travel times along a slot's edges, as `arrive` takes them."""
    element, place = slot >> 2, slot & 3
    return tuple(rows[6 * element + ((digits >> (4 * place)) & 7)] for digits in EDGE_DIGITS)


def _delays(edges):
    """By how much the corners must at least be later than their node for a front through it to
    come to them; see `least_delay` in twin/native/eikonal_element.h."""
    la, lb, lc, lab, lac, lbc = (edge**2 for edge in edges)
    ab, ac, bc = (0.5 / edge for edge in edges[3:])
    for edge, one, other in (
        (edges[0], (la + lab - lb) * ab, (la + lac - lc) * ac),
        (edges[1], (lb + lab - la) * ab, (lb + lbc - lc) * bc),
        (edges[2], (lc + lac - la) * ac, (lc + lbc - lb) * bc),
    ):
        yield jnp.where(jnp.maximum(one, other) < 0, -edge, jnp.minimum(one, other))


def _winners(rings, durations, times, begin):
    """For each node the slot that its time came through, the lowest of equals."""
    corners = [rings.corners[:, k] for k in range(4)]
    known = [times[corner] for corner in corners]
    found = []
    for others, edges in zip(OTHERS, EDGES_OF_PLACE, strict=True):
        found.append(arrive([known[o] for o in others], [durations[e] for e in edges])[0])
    first = jnp.full_like(times, jnp.inf)
    for corner, time in zip(corners, found, strict=True):
        first = first.at[corner].min(time)
    last = jnp.iinfo(jnp.int32).max
    winner = jnp.full(times.shape, last, jnp.int32)
    for place, (corner, time) in enumerate(zip(corners, found, strict=True)):
        codes = 4 * jnp.arange(durations.shape[1], dtype=jnp.int32) + place
        earliest = (time == first[corner]) & (time < jnp.inf)
        winner = winner.at[corner].min(jnp.where(earliest, codes, last))
    through = (winner < last) & (times < begin)
    return jnp.where(through, winner, -1)[:-1]


def _adjoint_by_lengths(rings, lengths, times, winners, by_times):
    nodes, elements = times.shape[0], lengths.shape[1]
    through = winners >= 0
    slot = jnp.where(through, winners, 0)
    parents, edges = _others(rings, slot), _edges(jnp.sqrt(lengths).T.reshape(-1), slot)
    known = [jnp.append(times, jnp.inf)[parent] for parent in parents]
    shares = [jnp.where(through, share, 0) for share in arrive(known, edges)[1]]
    parents = [jnp.where(s > 0, p, nodes) for s, p in zip(shares, parents, strict=True)]
    value = _hand_back(by_times, parents, shares)
    lead = sum(jnp.where(s > 0, s * (times - t), 0) for s, t in zip(shares, known, strict=True))
    half = jnp.where(through, value / (2 * jnp.where(through, lead, 1)), 0)
    a, b, c = shares
    by_lengths = jnp.zeros(6 * elements, lengths.dtype)
    for digits, share in zip(EDGE_DIGITS, (a, b, c, -a * b, -a * c, -b * c), strict=True):
        edge = (digits >> (4 * (slot & 3))) & 7
        by_lengths = by_lengths.at[elements * edge + (slot >> 2)].add(half * share)
    begun = ~through & (times < jnp.inf)
    return jnp.where(begun, value, 0), by_lengths.reshape(6, elements)


def _hand_back(seeds, parents, shares):
    """value = seeds + what the nodes that hang on a node hand back to it, by their shares: step
    by step backwards, since dependencies need not run in the order of time."""

    def step(state):
        value, fresh, _ = state
        handed = jnp.zeros_like(fresh)
        for parent, share in zip(parents, shares, strict=True):
            handed = handed.at[parent].add(share * fresh[:-1])
        fresh = handed.at[-1].set(0)
        value = value + fresh
        done = jnp.abs(fresh).max() <= jnp.finfo(value.dtype).tiny + 1e-18 * jnp.abs(value).max()
        return value, fresh, done

    seeds = jnp.append(seeds, 0)
    state = (seeds, seeds, jnp.array(False))
    return lax.while_loop(lambda s: ~s[2], step, state)[0][:-1]
