// New arrival times for a list of nodes, one element of a node's ring in each SIMD lane.
//
// Each eikonal_<instruction set>.cpp compiles this file with its own flags; pull_<set> are the
// only names that leave it. It uses nothing of the standard library, whose inline functions the
// linker would be free to share between instruction sets.
#pragma once
#include "eikonal_element.h"
#include "eikonal_ring.h"

namespace twin {
namespace {

template <typename Real>
struct Edges {
  Real a, b, c, ab, ac, bc;
};

template <typename Real>
TWIN_INLINE Edges<Real> edges_of(const Real* lengths, int32_t code) {
  const int32_t place = 4 * (code & 3), first = 6 * (code >> 2);
  const auto edge = [&](int j) __attribute__((always_inline)) { return lengths[first + ((kEdgeOfPlace[j] >> place) & 7)]; };
  return {edge(0), edge(1), edge(2), edge(3), edge(4), edge(5)};
}

// The best of `Width` slots of a ring of `size` slots, from row `slots` + `at`.
template <int Width, typename Real>
TWIN_INLINE void try_slots(const int32_t* slots, int32_t size, int32_t at, const Real* lengths,
                      const Real* times, Real& best, int32_t& winner) {
  Real arrivals[Width];
  const int32_t *a = slots + at, *b = a + size, *c = b + size, *code = c + size;
#pragma omp simd
  for (int l = 0; l < Width; ++l) {
    const Edges<Real> e = edges_of(lengths, code[l]);
    arrivals[l] =
        arrive(times[a[l]], times[b[l]], times[c[l]], e.a, e.b, e.c, e.ab, e.ac, e.bc).time;
  }
  Real earliest = arrivals[0];
#pragma omp simd reduction(min : earliest)
  for (int l = 0; l < Width; ++l) earliest = arrivals[l] < earliest ? arrivals[l] : earliest;
  if (!(earliest < best)) return;
  best = earliest;
  for (int l = Width - 1; l >= 0; --l)
    if (arrivals[l] == earliest) winner = code[l];
}

// The least delay behind each neighbour of node v (see eikonal_element.h), where that neighbour
// will look for it: at its own entry for v.
template <typename Real>
inline void find_delays(const Rings& rings, int32_t v, const Real* lengths, Real* delays) {
  const int32_t size = rings.start[v + 1] - rings.start[v];
  const int32_t* code = rings.slots + 4 * int64_t(rings.start[v]) + 3 * size;
  const uint8_t* places = rings.places + 3 * int64_t(rings.start[v]);
  const int32_t first = rings.neighbour_start[v];
  const int32_t count = rings.neighbour_start[v + 1] - first;
  Real least[kPlaces + 1];
  for (int32_t q = 0; q <= kPlaces; ++q) least[q] = kNever<Real>;
  for (int32_t at = 0; at < size; at += kLanes) {
    Real delay[3][kLanes];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const Edges<Real> e = edges_of(lengths, code[at + l]);
      const Real gab = Real(0.5) * (e.a + e.b - e.ab), gac = Real(0.5) * (e.a + e.c - e.ac);
      const Real gbc = Real(0.5) * (e.b + e.c - e.bc);
      delay[0][l] = least_delay(e.a, e.b, e.c, gab, gac, gbc);
      delay[1][l] = least_delay(e.b, e.a, e.c, gab, gbc, gac);
      delay[2][l] = least_delay(e.c, e.a, e.b, gac, gbc, gab);
    }
    for (int corner = 0; corner < 3; ++corner)
      for (int l = 0; l < kLanes; ++l) {
        Real& known = least[places[corner * size + at + l]];
        known = delay[corner][l] < known ? delay[corner][l] : known;
      }
  }
  for (int32_t q = 0; q < count; ++q)
    delays[rings.mirror[first + q]] = q < kPlaces ? least[q] : -kNever<Real>;
}

template <typename Real>
TWIN_INLINE void prefetch_node(const Rings& rings, const Real* lengths, int32_t near, int32_t far) {
  const int32_t size = rings.start[near + 1] - rings.start[near];
  const int32_t* code = rings.slots + 4 * int64_t(rings.start[near]) + 3 * size;
  for (int32_t l = 0; l < size; ++l) __builtin_prefetch(lengths + 6 * (code[l] >> 2));
  const int32_t* slots = rings.slots + 4 * int64_t(rings.start[far]);
  const int32_t words = 4 * (rings.start[far + 1] - rings.start[far]);
  for (int32_t w = 0; w < words; w += 16) __builtin_prefetch(slots + w);
}

// For each listed node its earliest arrival from the times of its ring, into `fresh` where it
// beats the node's present time by more than rounding (else never), with the slot's code in
// `winners`. At a node's first visit its delays behind its neighbours go into `delays`.
template <typename Real>
void pull(const Rings& rings, const Real* lengths, const Real* times, const int32_t* nodes,
                 int64_t count, Real* fresh, int32_t* winners, Real* delays) {
  const Real rounding = 4 * (sizeof(Real) == 4 ? Real(__FLT_EPSILON__) : Real(__DBL_EPSILON__));
  for (int64_t i = 0; i < count; ++i) {
    const int32_t v = nodes[i];
    prefetch_node(rings, lengths, nodes[i + 1 < count ? i + 1 : i], nodes[i + 3 < count ? i + 3 : i]);
    const int32_t size = rings.start[v + 1] - rings.start[v];
    const int32_t* slots = rings.slots + 4 * int64_t(rings.start[v]);
    const Real before = times[v];
    const Real size_of_time = before < 0 ? -before : before;
    Real best = before < kNever<Real> ? before - rounding * size_of_time : kNever<Real>;
    const Real bar = best;
    int32_t winner = -1, at = 0;
    if (sizeof(Real) == 4)
      for (; at + 16 <= size; at += 16) try_slots<16>(slots, size, at, lengths, times, best, winner);
    for (; at < size; at += 8) try_slots<8>(slots, size, at, lengths, times, best, winner);
    fresh[v] = best < bar ? best : kNever<Real>;
    if (winners[v] == kUnvisited) find_delays(rings, v, lengths, delays);
    winners[v] = winner;
  }
}

}  // namespace

#define TWIN_PULL(set)                                                                         \
  void pull_##set(const Rings& r, const float* l, const float* t, const int32_t* n, int64_t c, \
                  float* f, int32_t* w, float* o) {                                            \
    pull<float>(r, l, t, n, c, f, w, o);                                                       \
  }                                                                                            \
  void pull_##set(const Rings& r, const double* l, const double* t, const int32_t* n,          \
                  int64_t c, double* f, int32_t* w, double* o) {                               \
    pull<double>(r, l, t, n, c, f, w, o);                                                      \
  }

}  // namespace twin
