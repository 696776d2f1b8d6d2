// The exact gradient of arrival times: what a converged solution depends on, solved backwards.
//
// Every node's time came through one element: t_v = sum_i w_i t_i + d, with d^2 = sum_i w_i l_vi -
// sum_{i<j} w_i w_j l_ij in squared travel times l along edges, and the weights w at a minimum, so
// that their own change counts for nothing. Not every t_i is earlier than t_v: the order in which the adjoint
// runs is that of the dependencies, never that of time.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "eikonal_element.h"
#include "eikonal_metric.h"
#include "eikonal_ring.h"
#include "parallel.h"

namespace twin {

template <typename Real>
class EikonalAdjoint {
 public:
  explicit EikonalAdjoint(const Rings& rings) : rings_(rings), links_(rings.nodes) {}

  // From the gradient of a value by the times, the gradients by the sources' times and by the
  // speeds, in the order in which these are given. `corners` are the elements' nodes.
  void solve(const int32_t* corners, const Metric<Real>& metric, const Real* times,
             const int32_t* winners, const Real* seeds, Real* by_start, Real* by_speeds,
             Crew& crew) {
    const int64_t blocks = (rings_.nodes + kGrain - 1) / kGrain;
    crew.run(blocks, [&](int64_t block, int) {
      const int64_t end = std::min(rings_.nodes, (block + 1) * kGrain);
      for (int64_t v = block * kGrain; v < end; ++v)
        links_[v] = link(corners, metric, times, int32_t(v), winners[v]);
    });
    propagate(seeds);
    const int64_t size = rings_.elements * 3, span = (size + kGrain - 1) / kGrain;
    crew.run(span, [&](int64_t block, int) {
      const int64_t from = block * kGrain, to = std::min(size, from + kGrain);
      std::fill(by_speeds + from, by_speeds + to, Real(0));
    });
    for (int64_t v = 0; v < rings_.nodes; ++v) {
      const bool given = winners[v] < 0 && times[v] < kNever<Real>;
      by_start[v] = given ? Real(value_[v]) : Real(0);
      if (winners[v] >= 0) spread(links_[v], metric, winners[v], value_[v], by_speeds);
    }
  }

 private:
  static constexpr int64_t kGrain = 1024;

  // The nodes that a node's time hangs on, their weights, and the travel time from their midst.
  struct Link {
    int32_t from[3];
    Real weight[3];
    Real distance;
  };

  Link link(const int32_t* corners, const Metric<Real>& metric, const Real* times, int32_t v,
            int32_t code) const {
    const int32_t nobody = static_cast<int32_t>(rings_.nodes);
    Link l{{nobody, nobody, nobody}, {0, 0, 0}, 1};
    if (code < 0) return l;
    const int place = code & 3;
    const int32_t* corner = corners + 4 * int64_t(code >> 2);
    Real t[3], e[6], durations[6];
    durations_of(metric, code >> 2, durations);
    mark_absent(metric, code >> 2, durations);
    for (int j = 0, k = 0; k < 4; ++k)
      if (k != place) l.from[j++] = corner[k];
    for (int j = 0; j < 3; ++j) t[j] = l.from[j] == nobody ? kNever<Real> : times[l.from[j]];
    for (int j = 0; j < 6; ++j) e[j] = durations[(kEdgeOfPlace[j] >> (4 * place)) & 7];
    const Arrival<Real> best = arrive(t[0], t[1], t[2], e[0], e[1], e[2], e[3], e[4], e[5]);
    const Real w[3] = {best.a, best.b, best.c};
    Real carried = 0;
    for (int j = 0; j < 3; ++j) {
      l.weight[j] = w[j];
      if (w[j] > 0) carried += w[j] * (t[j] - times[v]);
      else l.from[j] = nobody;
    }
    l.distance = -carried;
    return l;
  }

  // value_ = seeds + sum over the nodes that hang on this one of weight * their value_: in
  // topological order, and round any circle of dependencies until it no longer changes.
  void propagate(const Real* seeds) {
    const int32_t nobody = static_cast<int32_t>(rings_.nodes);
    value_.assign(seeds, seeds + rings_.nodes);
    value_.push_back(0);
    std::vector<int32_t> waiting(rings_.nodes + 1, 0), ready;
    ready.reserve(rings_.nodes);
    for (const Link& l : links_)
      for (int32_t p : l.from) ++waiting[p];
    for (int32_t v = 0; v < nobody; ++v)
      if (waiting[v] == 0) ready.push_back(v);
    for (size_t i = 0; i < ready.size(); ++i) {
      const Link& l = links_[ready[i]];
      for (int j = 0; j < 3; ++j) {
        if (l.from[j] == nobody) continue;
        value_[l.from[j]] += double(l.weight[j]) * value_[ready[i]];
        if (--waiting[l.from[j]] == 0) ready.push_back(l.from[j]);
      }
    }
    if (static_cast<int64_t>(ready.size()) < rings_.nodes) circulate(waiting);
  }

  // What a first pass in topological order leaves: nodes on a circle, and what those hang on.
  // Each sweep hands on only what the sweep before brought, which shrinks as the weights do.
  void circulate(const std::vector<int32_t>& waiting) {
    std::vector<int32_t> left;
    for (int32_t v = 0; v < rings_.nodes; ++v)
      if (waiting[v] > 0) left.push_back(v);
    std::vector<double> fresh(value_.size(), 0), next(value_.size(), 0);
    for (int32_t v : left) fresh[v] = value_[v];
    for (double moved = 1, total = 0; moved > kDone * total;) {
      moved = 0;
      for (int32_t v : left) {
        const Link& l = links_[v];
        for (int j = 0; j < 3; ++j)
          if (l.from[j] != rings_.nodes) next[l.from[j]] += double(l.weight[j]) * fresh[v];
      }
      for (int32_t v : left) {
        value_[v] += next[v];
        moved += std::abs(next[v]);
        total += std::abs(value_[v]);
        fresh[v] = next[v];
        next[v] = 0;
      }
    }
  }

  // d^2 is a sum of the edges' squares, and each square one of (extent / speed)^2 over the axes.
  static void spread(const Link& l, const Metric<Real>& metric, int32_t code, double value,
                     Real* by_speeds) {
    if (!(l.distance > 0)) return;
    const int place = code & 3;
    const int64_t element = code >> 2, given = metric.order[element];
    const Real half = static_cast<Real>(value / (2 * double(l.distance)));
    const Real a = l.weight[0], b = l.weight[1], c = l.weight[2];
    const Real share[6] = {a, b, c, -a * b, -a * c, -b * c};
    for (int axis = 0; axis < 3; ++axis) {
      const Extents<Real> extents = extents_of(metric, element, axis);
      Real by_square = 0;
      for (int j = 0; j < 6; ++j) {
        const Real extent = extents.edge[(kEdgeOfPlace[j] >> (4 * place)) & 7];
        by_square += share[j] * extent * extent;
      }
      const Real speed = metric.speeds[3 * given + axis];
      by_speeds[3 * given + axis] -= 2 * half * by_square / (speed * speed * speed);
    }
  }

  static constexpr double kDone = 1e-17;

  const Rings rings_;
  std::vector<Link> links_;
  std::vector<double> value_;
};

}  // namespace twin
