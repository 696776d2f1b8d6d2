// New arrival times of one node for several scenarios of a mesh, a scenario in each SIMD lane.
// Compiled once for every instruction set; see eikonal_lanes.h.
#pragma once
#include "eikonal_lanes.h"
#include "eikonal_scenarios.h"

namespace twin {
namespace {

constexpr int kEdgeBetween[4][4] = {{0, 0, 1, 2}, {0, 0, 3, 4}, {1, 3, 0, 5}, {2, 4, 5, 0}};

// Squared travel times along an element's six edges, for all scenarios.
template <typename Real>
TWIN_INLINE void squares_of(const Scenarios<Real>& s, int64_t e, Real (*square)[kScenarios]) {
  const Real* span = s.spans + kSpanRow * e;
  const Real* slowness = s.slowness + 3 * kScenarios * e;
  Real extent[3][6];
  for (int axis = 0; axis < 3; ++axis) {
    const Real b = span[3 * axis], c = span[3 * axis + 1], d = span[3 * axis + 2];
    const Real edge[6] = {b, c, d, c - b, d - b, d - c};
    for (int j = 0; j < 6; ++j) extent[axis][j] = edge[j] * edge[j];
  }
  for (int j = 0; j < 6; ++j)
#pragma omp simd
    for (int l = 0; l < kScenarios; ++l)
      square[j][l] = extent[0][j] * slowness[l] + extent[1][j] * slowness[kScenarios + l] +
                     extent[2][j] * slowness[2 * kScenarios + l];
  if (!s.absent) return;
  for (int j = 0; j < 6; ++j)
    if (s.absent[6 * e + j])
      for (int l = 0; l < kScenarios; ++l)
        square[j][l] = slowness[l] < kNever<Real> ? kAbsent<Real> * kAbsent<Real> : kNever<Real>;
}

// How much earlier than a front through corner i another corner k of elements `from` to `to` can be,
// at most, in any scenario: into `lead` in the order of kEnds. More than 0 only beside an obtuse
// angle at k, where that is the edge's extent along the other; beside two, no more than its length.
template <typename Real>
void find_leads(const Scenarios<Real>& s, int64_t from, int64_t to, Real* lead) {
  for (int64_t e = from; e < to; ++e, lead += 12) {
    Real square[6][kScenarios], least[6], most[6];
    squares_of(s, e, square);
    for (int i = 0; i < 12; ++i) lead[i] = 0;
    for (int j = 0; j < 6; ++j) least[j] = most[j] = -1;
    const auto range = [&](int j) __attribute__((always_inline)) {
      if (least[j] >= 0) return;
      Real low = kNever<Real>, high = 0;
#pragma omp simd reduction(min : low) reduction(max : high)
      for (int l = 0; l < kScenarios; ++l) {
        const Real known = square[j][l] < kNever<Real> ? square[j][l] : 0;
        low = square[j][l] < low ? square[j][l] : low;
        high = known > high ? known : high;
      }
      least[j] = square_root(low), most[j] = square_root(high);
    };
    for (int k = 0; k < 4; ++k)
      for (int i = 0; i < 4; ++i)
        for (int j = i + 1; j < 4; ++j) {
          if (i == k || j == k) continue;
          const int ki = kEdgeBetween[k][i], kj = kEdgeBetween[k][j];
          const Real *one = square[ki], *other = square[kj], *across = square[kEdgeBetween[i][j]];
          Real beyond = 0;
#pragma omp simd reduction(max : beyond)
          for (int l = 0; l < kScenarios; ++l) {
            const Real past = across[l] - one[l] - other[l];
            beyond = past > beyond ? past : beyond;
          }
          if (!(beyond > 0)) continue;
          range(ki), range(kj);
          const auto raise = [&](Real& known, Real along, Real length) __attribute__((always_inline)) {
            known = known > 0 || along > length ? length : along;
          };
          raise(lead[kEndOf[k][i]], Real(0.5) * beyond / least[kj], most[ki]);
          raise(lead[kEndOf[k][j]], Real(0.5) * beyond / least[ki], most[kj]);
        }
  }
}

// Takes the earliest arrivals at node v through its ring. `improved` holds the new times where they
// beat the old by more than rounding, elsewhere never; false where they do nowhere.
template <typename Real>
bool pull_batch(const Scenarios<Real>& s, int32_t v, Real* times, int32_t* winners,
                Real* improved) {
  constexpr int W = kScenarios;
  const Rings& rings = s.rings;
  Real* own = times + W * int64_t(v);
  Real best[W], bar[W];
  int32_t winner[W];
  for (int l = 0; l < W; ++l) best[l] = bar[l] = bar_of(own[l]), winner[l] = -1;
  const int32_t size = rings.start[v + 1] - rings.start[v];
  const uint8_t* places = rings.places + 3 * int64_t(rings.start[v]);
  for (int32_t i = 0; i < size && places[i] != kPlaces; ++i) {
    const int32_t slot = rings.slots[rings.start[v] + i], place = slot & 3;
    const int32_t* neighbour = rings.neighbours + rings.neighbour_start[v];
    const auto corner = [&](int row) __attribute__((always_inline)) {
      const uint8_t at = places[row * size + i];
      return times + W * int64_t(at == kPlaces ? rings.nodes : neighbour[at]);
    };
    const Real *ta = corner(0), *tb = corner(1), *tc = corner(2);
    int any = 0;
#pragma omp simd reduction(| : any)
    for (int l = 0; l < W; ++l) {
      const Real ab = ta[l] < tb[l] ? ta[l] : tb[l], abc = ab < tc[l] ? ab : tc[l];
      any |= abc < best[l];
    }
    if (!any) continue;
    Real square[6][W];
    squares_of(s, slot >> 2, square);
    const Real* e[6];
    for (int j = 0; j < 6; ++j) e[j] = square[(kEdgeOfPlace[j] >> (4 * place)) & 7];
    const Real *la = e[0], *lb = e[1], *lc = e[2], *lab = e[3], *lac = e[4], *lbc = e[5];
#pragma omp simd
    for (int l = 0; l < W; ++l) {
      const Real time =
          arrive(ta[l], tb[l], tc[l], square_root(la[l]), square_root(lb[l]), square_root(lc[l]),
                 la[l], lb[l], lc[l], lab[l], lac[l], lbc[l]).time;
      const bool better = time < best[l];
      best[l] = better ? time : best[l];
      winner[l] = better ? slot : winner[l];
    }
  }
  int any = 0;
  int32_t* won = winners + W * int64_t(v);
#pragma omp simd reduction(| : any)
  for (int l = 0; l < W; ++l) {
    const bool better = best[l] < bar[l];
    own[l] = better ? best[l] : own[l];
    won[l] = better ? winner[l] : won[l];
    improved[l] = better ? best[l] : kNever<Real>;
    any |= better;
  }
  return any;
}

}  // namespace

#define TWIN_BATCH_OF(set, Real)                                                                \
  void find_leads_##set(const Scenarios<Real>& s, int64_t from, int64_t to, Real* lead) {       \
    find_leads<Real>(s, from, to, lead);                                                        \
  }                                                                                             \
  bool pull_batch_##set(const Scenarios<Real>& s, int32_t v, Real* t, int32_t* w, Real* i) {    \
    return pull_batch<Real>(s, v, t, w, i);                                                     \
  }
#define TWIN_BATCH(set)     \
  TWIN_BATCH_OF(set, float) \
  TWIN_BATCH_OF(set, double)

}  // namespace twin
