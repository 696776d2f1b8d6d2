// The inner loops of the eikonal solver, an element in each SIMD lane: travel times along edges,
// and new arrival times for a list of nodes.
//
// Each eikonal_<instruction set>.cpp compiles this file with its own flags; measure_<set> and
// pull_<set> are the only names that leave it. It uses nothing of the standard library, whose
// inline functions the linker would be free to share between instruction sets.
#pragma once
#include "eikonal_element.h"
#include "eikonal_metric.h"
#include "eikonal_ring.h"

namespace twin {
namespace {

template <typename Real>
struct Edges {
  Real a, b, c, ab, ac, bc;
};

template <typename Real>
TWIN_INLINE Edges<Real> edges_of(const Real* durations, int32_t code) {
  const int32_t place = 4 * (code & 3), first = kRow * (code >> 2);
  const auto edge = [&](int j) __attribute__((always_inline)) {
    return durations[first + ((kEdgeOfPlace[j] >> place) & 7)];
  };
  return {edge(0), edge(1), edge(2), edge(3), edge(4), edge(5)};
}

// Travel times along the edges of elements `from` to `to`, in rows of kRow.
template <typename Real>
void measure(const Metric<Real>& metric, int64_t from, int64_t to, Real* durations) {
#pragma omp simd
  for (int64_t e = from; e < to; ++e) durations_of(metric, e, durations + kRow * e);
  if (!metric.absent) return;
  for (int64_t e = from; e < to; ++e) mark_absent(metric, e, durations + kRow * e);
}

constexpr int32_t kMostSlots = 64;  // of a ring, looked at together

// Slots of a ring: the times at their corners, row by row, and for each batch of lanes the
// earliest of them. No arrival through a batch can be earlier.
template <typename Real>
struct Look {
  Real known[kPlaces + 1];  // the times of the neighbours
  Real corner[3][kMostSlots], earliest[kMostSlots / kLanes];
  const int32_t* slot;
  int32_t count;

  TWIN_INLINE void take(const Rings& rings, int32_t v, const Real* times) {
    const int32_t* neighbour = rings.neighbours + rings.neighbour_start[v];
    const int32_t neighbours = rings.neighbour_start[v + 1] - rings.neighbour_start[v];
#pragma omp simd
    for (int32_t q = 0; q < neighbours; ++q) known[q] = times[neighbour[q]];
    known[kPlaces] = kNever<Real>;
    take_slots(rings, v, 0);
  }

  // From slot `from` on, as many as are looked at together.
  TWIN_INLINE void take_slots(const Rings& rings, int32_t v, int32_t from) {
    const int32_t size = rings.start[v + 1] - rings.start[v];
    const uint8_t* a = rings.places + 3 * int64_t(rings.start[v]) + from;
    const uint8_t *b = a + size, *c = b + size;
    slot = rings.slots + rings.start[v] + from;
    count = size - from < kMostSlots ? size - from : kMostSlots;
    Real first[kMostSlots];
#pragma omp simd
    for (int32_t i = 0; i < count; ++i) {
      const Real ta = known[a[i]], tb = known[b[i]], tc = known[c[i]];
      corner[0][i] = ta;
      corner[1][i] = tb;
      corner[2][i] = tc;
      const Real ab = ta < tb ? ta : tb;
      first[i] = ab < tc ? ab : tc;
    }
    for (int32_t i = 0; i < count / kLanes; ++i) {
      Real least = first[i * kLanes];
#pragma omp simd reduction(min : least)
      for (int l = 0; l < kLanes; ++l)
        least = first[i * kLanes + l] < least ? first[i * kLanes + l] : least;
      earliest[i] = least;
    }
  }

  // Fetches the edges of the batches that could bring an arrival before `bar`.
  TWIN_INLINE void prefetch(const Real* durations, Real bar) const {
    for (int32_t at = 0; at < count; at += kLanes)
      if (earliest[at / kLanes] < bar)
        for (int32_t l = 0; l < kLanes; ++l)
          __builtin_prefetch(durations + kRow * (slot[at + l] >> 2));
  }

  TWIN_INLINE void try_batch(const Real* durations, int32_t at, Real& best,
                             int32_t& winner) const {
    Real arrivals[kLanes];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const Edges<Real> e = edges_of(durations, slot[at + l]);
      arrivals[l] = arrive(corner[0][at + l], corner[1][at + l], corner[2][at + l], e.a, e.b, e.c,
                           e.ab, e.ac, e.bc).time;
    }
    Real first = arrivals[0];
#pragma omp simd reduction(min : first)
    for (int l = 0; l < kLanes; ++l) first = arrivals[l] < first ? arrivals[l] : first;
    if (!(first < best)) return;
    best = first;
    for (int l = kLanes - 1; l >= 0; --l)
      if (arrivals[l] == first) winner = slot[at + l];
  }

  // The batch with the earliest corner is tried first: it often rules out the others.
  TWIN_INLINE void try_all(const Real* durations, Real& best, int32_t& winner) const {
    int32_t lead = 0;
    for (int32_t i = 1; i < count / kLanes; ++i)
      if (earliest[i] < earliest[lead]) lead = i;
    if (!(earliest[lead] < best)) return;
    try_batch(durations, lead * kLanes, best, winner);
    for (int32_t i = 0; i < count / kLanes; ++i)
      if (i != lead && earliest[i] < best) try_batch(durations, i * kLanes, best, winner);
  }
};

// By how much each neighbour of node v must at least be later than v for a front through v to come
// to it (see eikonal_element.h), into `delays`.
template <typename Real>
inline void find_delays(const Rings& rings, int32_t v, const Real* durations, Real* delays) {
  const int32_t size = rings.start[v + 1] - rings.start[v];
  const int32_t* slot = rings.slots + rings.start[v];
  const uint8_t* places = rings.places + 3 * int64_t(rings.start[v]);
  const int32_t count = rings.neighbour_start[v + 1] - rings.neighbour_start[v];
  Real least[kPlaces + 1];
  for (int32_t q = 0; q < count; ++q) least[q] = kNever<Real>;
  for (int32_t at = 0; at < size; at += kLanes) {
    Real delay[3][kLanes];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const Edges<Real> e = edges_of(durations, slot[at + l]);
      const Real la = e.a * e.a, lb = e.b * e.b, lc = e.c * e.c;
      const Real lab = e.ab * e.ab, lac = e.ac * e.ac, lbc = e.bc * e.bc;
      const Real ab = Real(0.5) / e.ab, ac = Real(0.5) / e.ac, bc = Real(0.5) / e.bc;
      delay[0][l] = least_delay(e.a, (la + lab - lb) * ab, (la + lac - lc) * ac);
      delay[1][l] = least_delay(e.b, (lb + lab - la) * ab, (lb + lbc - lc) * bc);
      delay[2][l] = least_delay(e.c, (lc + lac - la) * ac, (lc + lbc - lb) * bc);
    }
    for (int corner = 0; corner < 3; ++corner)
      for (int l = 0; l < kLanes; ++l) {
        Real& known = least[places[corner * size + at + l]];
        known = delay[corner][l] < known ? delay[corner][l] : known;
      }
  }
  for (int32_t q = 0; q < count; ++q) delays[rings.neighbour_start[v] + q] = least[q];
}

TWIN_INLINE void prefetch_ring(const Rings& rings, int32_t v) {
  const int32_t size = rings.start[v + 1] - rings.start[v];
  const uint8_t* places = rings.places + 3 * int64_t(rings.start[v]);
  for (int32_t l = 0; l < size; l += 16) __builtin_prefetch(rings.slots + rings.start[v] + l);
  for (int32_t l = 0; l < 3 * size; l += 64) __builtin_prefetch(places + l);
  __builtin_prefetch(rings.neighbours + rings.neighbour_start[v]);
}

// The present time of a node less rounding, which a new one must beat.
template <typename Real>
TWIN_INLINE Real bar_of(Real time) {
  const Real rounding = 4 * (sizeof(Real) == 4 ? Real(__FLT_EPSILON__) : Real(__DBL_EPSILON__));
  return time < kNever<Real> ? time - rounding * (time < 0 ? -time : time) : time;
}

// For each listed node its earliest arrival from the times of its ring, into `now` where it beats
// the node's present time by more than rounding, with the slot that it came through in `winners`.
// At a node's first visit its neighbours' delays behind it go into `delays`. Each
// node's ring is looked at while the edges of the node before it are on their way from memory.
template <typename Real>
void pull(const Rings& rings, const Real* durations, const Real* times, const int32_t* nodes,
          int64_t count, Real* now, int32_t* winners, Real* delays) {
  Look<Real> looks[2];
  const auto look = [&](int64_t i) __attribute__((always_inline)) {
    const int32_t v = nodes[i];
    looks[i & 1].take(rings, v, times);
    looks[i & 1].prefetch(durations, winners[v] == kUnvisited ? kNever<Real> : bar_of(times[v]));
  };
  prefetch_ring(rings, nodes[0]);
  look(0);
  for (int64_t i = 0; i < count; ++i) {
    const int32_t v = nodes[i];
    if (i + 2 < count) prefetch_ring(rings, nodes[i + 2]);
    if (i + 1 < count) look(i + 1);
    const Real bar = bar_of(times[v]);
    Real best = bar;
    int32_t winner = -1;
    looks[i & 1].try_all(durations, best, winner);
    const int32_t size = rings.start[v + 1] - rings.start[v];
    for (int32_t from = kMostSlots; from < size; from += kMostSlots) {
      looks[i & 1].take_slots(rings, v, from);
      looks[i & 1].try_all(durations, best, winner);
    }
    if (best < bar) now[v] = best;
    if (winners[v] == kUnvisited) find_delays(rings, v, durations, delays);
    winners[v] = winner;
  }
}

}  // namespace

#define TWIN_LANES_OF(set, Real)                                                              \
  void measure_##set(const Metric<Real>& m, int64_t from, int64_t to, Real* d) {              \
    measure<Real>(m, from, to, d);                                                            \
  }                                                                                           \
  void pull_##set(const Rings& r, const Real* d, const Real* t, const int32_t* n, int64_t c,  \
                  Real* f, int32_t* w, Real* o) {                                             \
    pull<Real>(r, d, t, n, c, f, w, o);                                                       \
  }
#define TWIN_LANES(set)     \
  TWIN_LANES_OF(set, float) \
  TWIN_LANES_OF(set, double)

}  // namespace twin
