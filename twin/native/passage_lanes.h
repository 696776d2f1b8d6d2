// How much of each tetrahedron a front passes in each time bin, weighted by what each lead sees.
//
// The share that the front has passed by time t is a cubic spline in t with the corners' times as
// knots (Hermite and Genocchi). Compiled once for every instruction set; see eikonal_lanes.h.
#pragma once
#include "eikonal_element.h"
#include "passage_weights.h"

namespace twin {
namespace {

constexpr int kEdges = 8;  // edges of bins that are looked at together

// Corner times in order, and which corner each belongs to. Corners closer together than kGap are
// drawn apart, so that no divisor vanishes.
template <typename Real>
struct Knots {
  Real a, b, c, d;
  int corner[4];
};

template <typename Real>
constexpr Real kGap = Real(1e-4);

template <typename Real>
TWIN_INLINE bool knots_of(const Passage<Real>& p, const Real* times, int64_t e, Knots<Real>& k) {
  Real t[4];
  for (int i = 0; i < 4; ++i) {
    t[i] = times[p.tetrahedra[4 * e + i]];
    if (!(t[i] < kNever<Real>) || !(t[i] > -kNever<Real>)) return false;
    k.corner[i] = i;
  }
  const auto order = [&](int i, int j) __attribute__((always_inline)) {
    if (!(t[j] < t[i])) return;
    const Real time = t[i];
    const int corner = k.corner[i];
    t[i] = t[j], t[j] = time;
    k.corner[i] = k.corner[j], k.corner[j] = corner;
  };
  order(0, 1), order(2, 3), order(0, 2), order(1, 3), order(1, 2);
  k.a = t[0], k.b = t[1] + kGap<Real>, k.c = t[2] + 2 * kGap<Real>, k.d = t[3] + 3 * kGap<Real>;
  return true;
}

// The bins from `first` on, `count` of them, that a tetrahedron with these knots is passed in and
// that are counted.
template <typename Real>
TWIN_INLINE void span(const Passage<Real>& p, const Knots<Real>& k, int64_t& first,
                      int64_t& count) {
  const Real per_ms = 1 / p.bin_width;
  const Real low = __builtin_floor(k.a * per_ms), high = __builtin_floor(k.d * per_ms);
  first = low < 0 ? 0 : low > Real(p.bins) ? p.bins : int64_t(low);
  const int64_t last = high < 0 ? -1 : high >= Real(p.bins) ? p.bins - 1 : int64_t(high);
  count = last - first + 1;
}

// The spline's three pieces, with what they have in common.
template <typename Real>
struct Spline {
  Real a, b, c, d, rising, falling, ba, middle, cubic;

  TWIN_INLINE explicit Spline(const Knots<Real>& k) : a(k.a), b(k.b), c(k.c), d(k.d) {
    ba = b - a;
    rising = 1 / (ba * (c - a) * (d - a));
    falling = 1 / ((d - a) * (d - b) * (d - c));
    middle = 1 / ((c - a) * (d - a));
    cubic = (c - a + d - b) / ((c - b) * (d - b));
  }

  // Share passed by time t.
  TWIN_INLINE Real operator()(Real t) const {
    const Real up = t < a ? 0 : t - a, down = t > d ? 0 : d - t, x = t - b;
    const Real first = up * up * up * rising, last = 1 - down * down * down * falling;
    const Real mid = (ba * ba + 3 * x * (ba + x) - cubic * x * x * x) * middle;
    return t < b ? first : t < c ? mid : last;
  }
};

// How a spline's value at time t changes with its four knots.
template <typename Real>
struct Slopes {
  Real a, b, c, d;
};

template <typename Real>
TWIN_INLINE Slopes<Real> spline_slopes(const Knots<Real>& k, Real t) {
  const Real p = k.c - k.a, q = k.d - k.a, u = k.b - k.a, v = k.c - k.b, w = k.d - k.b;
  const Real z = k.d - k.c;
  const Real up = t < k.a ? 0 : t - k.a, down = t > k.d ? 0 : k.d - t, x = t - k.b;
  const Real upq = 1 / (u * p * q), qwz = 1 / (q * w * z), pq = 1 / (p * q), vw = 1 / (v * w);
  const Real rise = up * up * up * upq, fall = down * down * down * qwz;
  const Real cube = x * x * x;
  const Real value = (u * u + 3 * x * (u + x) - (p + w) * vw * cube) * pq;
  const Real by_u = 2 * u + 3 * x, by_x = 3 * u + 6 * x - 3 * (p + w) * vw * x * x;
  const Real by_p = -cube * vw, by_v = (p + w) * vw / v * cube, by_w = p * vw / w * cube;
  const bool early = t < k.b, middle = t < k.c;
  const Slopes<Real> first{rise * (1 / u + 1 / p + 1 / q) - 3 * up * up * upq, -rise / u,
                           -rise / p, -rise / q};
  const Slopes<Real> second{(-by_u - by_p) * pq + value * (1 / p + 1 / q),
                            (by_u - by_x - by_v - by_w) * pq, (by_v + by_p) * pq - value / p,
                            by_w * pq - value / q};
  const Slopes<Real> third{-fall / q, -fall / w, -fall / z,
                           fall * (1 / q + 1 / w + 1 / z) - 3 * down * down * qwz};
  return {early ? first.a : middle ? second.a : third.a,
          early ? first.b : middle ? second.b : third.b,
          early ? first.c : middle ? second.c : third.c,
          early ? first.d : middle ? second.d : third.d};
}

// What each lead sees of a tetrahedron: its weights times its corners' times.
template <typename Real>
TWIN_INLINE void seen_of(const Passage<Real>& p, const Real* times, int64_t e, Real* seen) {
  const int32_t* corner = p.tetrahedra + 4 * e;
  const Real t[4] = {times[corner[0]], times[corner[1]], times[corner[2]], times[corner[3]]};
  const Real* w = p.weights + 4 * kLeads * e;
#pragma omp simd
  for (int l = 0; l < kLeads; ++l)
    seen[l] = w[4 * l] * t[0] + w[4 * l + 1] * t[1] + w[4 * l + 2] * t[2] + w[4 * l + 3] * t[3];
}

// visit(bin, bins, passed) for the bins of a tetrahedron, a few at a time: `passed` is the share
// passed by the edges of `bins` bins from `bin` on.
template <typename Real, typename Visit>
TWIN_INLINE void for_bins(const Passage<Real>& p, const Knots<Real>& k, Visit visit) {
  int64_t first, count;
  span(p, k, first, count);
  const Spline<Real> spline(k);
  for (int64_t from = 0; from < count; from += kEdges - 1) {
    Real passed[kEdges];
#pragma omp simd
    for (int i = 0; i < kEdges; ++i) passed[i] = spline(Real(first + from + i) * p.bin_width);
    visit(first + from, int(count - from < kEdges - 1 ? count - from : kEdges - 1), passed);
  }
}

// Adds to `sums`, bin by bin, what the leads see of elements `from` to `to`.
template <typename Real>
void pass(const Passage<Real>& p, const Real* times, int64_t from, int64_t to, Real* sums) {
  for (int64_t e = from; e < to; ++e) {
    Knots<Real> knots;
    if (!knots_of(p, times, e, knots)) continue;
    Real seen[kLeads];
    seen_of(p, times, e, seen);
    const auto add = [&](int64_t bin, int bins, const Real* passed) __attribute__((always_inline)) {
      for (int i = 0; i < bins; ++i) {
        const Real share = passed[i + 1] - passed[i];
        Real* sum = sums + kLeads * (bin + i);
#pragma omp simd
        for (int l = 0; l < kLeads; ++l) sum[l] += share * seen[l];
      }
    };
    for_bins(p, knots, add);
  }
}

// Adds to `by_times` how a value changes with the corners' times, from its gradient by the sums.
template <typename Real>
void pass_times(const Passage<Real>& p, const Real* times, const Real* by_sums, int64_t from,
                int64_t to, Real* by_times) {
  for (int64_t e = from; e < to; ++e) {
    Knots<Real> knots;
    if (!knots_of(p, times, e, knots)) continue;
    Real seen[kLeads], by_seen[kLeads], by_knot[4] = {0, 0, 0, 0};
    seen_of(p, times, e, seen);
    for (int l = 0; l < kLeads; ++l) by_seen[l] = 0;
    const auto add = [&](int64_t bin, int bins, const Real* passed) __attribute__((always_inline)) {
      Slopes<Real> slope[kEdges];
#pragma omp simd
      for (int i = 0; i < kEdges; ++i)
        slope[i] = spline_slopes(knots, Real(bin + i) * p.bin_width);
      for (int i = 0; i < bins; ++i) {
        const Real* by = by_sums + kLeads * (bin + i);
        const Real share = passed[i + 1] - passed[i];
        Real by_share = 0;
        for (int l = 0; l < kLeads; ++l) by_share += by[l] * seen[l];
        for (int l = 0; l < kLeads; ++l) by_seen[l] += share * by[l];
        by_knot[0] += by_share * (slope[i + 1].a - slope[i].a);
        by_knot[1] += by_share * (slope[i + 1].b - slope[i].b);
        by_knot[2] += by_share * (slope[i + 1].c - slope[i].c);
        by_knot[3] += by_share * (slope[i + 1].d - slope[i].d);
      }
    };
    for_bins(p, knots, add);
    const int32_t* corner = p.tetrahedra + 4 * e;
    const Real* w = p.weights + 4 * kLeads * e;
    for (int i = 0; i < 4; ++i) {
      by_times[corner[knots.corner[i]]] += by_knot[i];
      Real sum = 0;
      for (int l = 0; l < kLeads; ++l) sum += by_seen[l] * w[4 * l + i];
      by_times[corner[i]] += sum;
    }
  }
}

// How a value changes with the weights of elements `from` to `to`, from its gradients by the sums
// and by the nodes' totals.
template <typename Real>
void pass_weights(const Passage<Real>& p, const Real* times, const Real* by_sums,
                  const Real* by_totals, int64_t from, int64_t to, Real* by_weights) {
  for (int64_t e = from; e < to; ++e) {
    Real* by = by_weights + 4 * kLeads * e;
    for (int i = 0; i < 4 * kLeads; ++i) by[i] = 0;
    Knots<Real> knots;
    if (!knots_of(p, times, e, knots)) continue;
    Real by_seen[kLeads];
    for (int l = 0; l < kLeads; ++l) by_seen[l] = 0;
    const auto add = [&](int64_t bin, int bins, const Real* passed) __attribute__((always_inline)) {
      for (int i = 0; i < bins; ++i)
        for (int l = 0; l < kLeads; ++l)
          by_seen[l] += (passed[i + 1] - passed[i]) * by_sums[kLeads * (bin + i) + l];
    };
    for_bins(p, knots, add);
    for (int i = 0; i < 4; ++i) {
      const int64_t node = p.tetrahedra[4 * e + i];
      for (int l = 0; l < kLeads; ++l)
        by[4 * l + i] = by_seen[l] * times[node] + by_totals[kLeads * node + l];
    }
  }
}

}  // namespace

#define TWIN_PASSAGE_OF(set, Real)                                                             \
  void pass_##set(const Passage<Real>& p, const Real* t, int64_t from, int64_t to, Real* s) {  \
    pass<Real>(p, t, from, to, s);                                                             \
  }                                                                                            \
  void pass_times_##set(const Passage<Real>& p, const Real* t, const Real* s, int64_t from,    \
                        int64_t to, Real* by) {                                                \
    pass_times<Real>(p, t, s, from, to, by);                                                   \
  }                                                                                            \
  void pass_weights_##set(const Passage<Real>& p, const Real* t, const Real* s, const Real* n, \
                          int64_t from, int64_t to, Real* by) {                                \
    pass_weights<Real>(p, t, s, n, from, to, by);                                              \
  }
#define TWIN_PASSAGE(set)     \
  TWIN_PASSAGE_OF(set, float) \
  TWIN_PASSAGE_OF(set, double)

}  // namespace twin
