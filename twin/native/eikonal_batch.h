// Arrival times of several scenarios on one mesh, a scenario in each SIMD lane.
//
// Where fronts start at the same nodes, they pass the nodes in much the same order whatever the
// speeds. So nodes are visited in the order in which one scenario's front, solved before, comes to
// them, for all scenarios at once, and again where a later visit improved a neighbour, until none
// does.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "buffer.h"
#include "eikonal.h"
#include "eikonal_scenarios.h"
#include "instructions.h"

namespace twin {

#define TWIN_DECLARE_BATCH_OF(set, Real)                                                     \
  void find_leads_##set(const Scenarios<Real>&, int64_t, int64_t, Real*);                    \
  bool pull_batch_##set(const Scenarios<Real>&, int32_t, Real*, int32_t*, Real*);
#define TWIN_DECLARE_BATCH(set)     \
  TWIN_DECLARE_BATCH_OF(set, float) \
  TWIN_DECLARE_BATCH_OF(set, double)
TWIN_DECLARE_BATCH(baseline)
#ifdef TWIN_X86
TWIN_DECLARE_BATCH(avx2)
TWIN_DECLARE_BATCH(avx512)
#endif
#undef TWIN_DECLARE_BATCH
#undef TWIN_DECLARE_BATCH_OF

template <typename Real>
struct BatchLanes {
  void (*find_leads)(const Scenarios<Real>&, int64_t, int64_t, Real*);
  bool (*pull)(const Scenarios<Real>&, int32_t, Real*, int32_t*, Real*);
};

template <typename Real>
BatchLanes<Real> choose_batch() {
  switch (choose_instructions()) {
#ifdef TWIN_X86
    case Instructions::avx512: return {find_leads_avx512, pull_batch_avx512};
    case Instructions::avx2: return {find_leads_avx2, pull_batch_avx2};
#endif
    default: return {find_leads_baseline, pull_batch_baseline};
  }
}

// What all groups of scenarios share: the extents row by row, and each node's turn, from the times
// of one scenario.
template <typename Real>
class Itinerary {
 public:
  Itinerary(const Rings& rings, const Metric<Real>& metric, const Real* times)
      : spans(kSpanRow * rings.elements), turn(rings.nodes) {
    for (int64_t e = 0; e < rings.elements; ++e)
      for (int k = 0; k < 9; ++k) spans[kSpanRow * e + k] = metric.spans[k * rings.elements + e];
    const Real width = kWidth * typical_step(rings, times);
    Real first = kNever, last = -kNever;
    for (int64_t v = 0; v < rings.nodes; ++v)
      if (times[v] < kNever) first = std::min(first, times[v]), last = std::max(last, times[v]);
    turns = last >= first ? std::min<int64_t>(kMostTurns, int64_t((last - first) / width) + 2) : 1;
    for (int64_t v = 0; v < rings.nodes; ++v)
      turn[v] = times[v] < kNever ? std::min<int64_t>(turns - 1, int64_t((times[v] - first) / width))
                                  : turns - 1;
  }

  Buffer<Real> spans;
  std::vector<int32_t> turn;
  int64_t turns;

 private:
  static constexpr Real kNever = std::numeric_limits<Real>::infinity();
  static constexpr Real kWidth = 1;  // of a mean step between neighbours
  static constexpr int64_t kMostTurns = 1 << 20;

  static Real typical_step(const Rings& rings, const Real* times) {
    double sum = 0;
    int64_t count = 0;
    for (int64_t v = 0; v < rings.nodes; v += 31)
      for (int32_t q = rings.neighbour_start[v]; q < rings.neighbour_start[v + 1]; ++q) {
        const double step = std::abs(double(times[v]) - times[rings.neighbours[q]]);
        if (std::isfinite(step)) sum += step, ++count;
      }
    return sum > 0 ? Real(sum / count) : Real(1);
  }
};

template <typename Real>
class EikonalBatch {
 public:
  explicit EikonalBatch(const Rings& rings)
      : rings_(rings),
        lanes_(choose_batch<Real>()),
        slowness_(3 * kScenarios * rings.elements),
        times_(kScenarios * (rings.nodes + 1)),
        winners_(kScenarios * rings.nodes),
        next_(rings.nodes),
        leads_(rings.neighbour_start[rings.nodes]),
        element_leads_(12 * rings.elements) {}

  // The first `count` of `metrics` and `begin` are the scenarios'; their times and winners go where
  // `times` and `winners` point.
  void solve(const Itinerary<Real>& itinerary, int count, const Metric<Real>* metrics,
             const Real* const* begin, Real* const* times, int32_t* const* winners) {
    load(count, metrics, begin);
    const Scenarios<Real> scenarios{rings_, metrics[0].absent, itinerary.spans.data(),
                                    slowness_.data()};
    find_leads(scenarios);
    run(itinerary, scenarios);
    for (int64_t v = 0; v < rings_.nodes; ++v)
      for (int l = 0; l < count; ++l) {
        times[l][v] = times_[kScenarios * v + l];
        winners[l][v] = winners_[kScenarios * v + l];
      }
  }

 private:
  static constexpr Real kNever = std::numeric_limits<Real>::infinity();
  static constexpr int32_t kNone = -1, kWaiting = -2;

  // Lanes without a scenario of their own repeat the last.
  void load(int count, const Metric<Real>* metrics, const Real* const* begin) {
    for (int64_t e = 0; e < rings_.elements; ++e) {
      const int64_t given = metrics[0].order[e];
      Real* row = slowness_.data() + 3 * kScenarios * e;
      for (int l = 0; l < kScenarios; ++l) {
        const Metric<Real>& m = metrics[std::min(l, count - 1)];
        for (int axis = 0; axis < 3; ++axis) {
          const Real slow = 1 / m.speeds[3 * given + axis];
          row[kScenarios * axis + l] = m.blocked[given] ? kNever : slow * slow;
        }
      }
    }
    for (int64_t v = 0; v <= rings_.nodes; ++v)
      for (int l = 0; l < kScenarios; ++l)
        times_[kScenarios * v + l] = v < rings_.nodes ? begin[std::min(l, count - 1)][v] : kNever;
    std::fill_n(winners_.data(), kScenarios * rings_.nodes, -1);
  }

  // How much earlier than a front through each node its neighbours can be.
  void find_leads(const Scenarios<Real>& scenarios) {
    std::fill_n(leads_.data(), rings_.neighbour_start[rings_.nodes], Real(0));
    lanes_.find_leads(scenarios, 0, rings_.elements, element_leads_.data());
    for (int32_t v = 0; v < rings_.nodes; ++v) {
      const int32_t size = rings_.start[v + 1] - rings_.start[v];
      const uint8_t* places = rings_.places + 3 * int64_t(rings_.start[v]);
      Real* leads = leads_.data() + rings_.neighbour_start[v];
      for (int32_t i = 0; i < size && places[i] != kPlaces; ++i) {
        const int32_t slot = rings_.slots[rings_.start[v] + i], place = slot & 3;
        for (int k = 0, row = 0; k < 4; ++k) {
          if (k == place) continue;
          const uint8_t at = places[size * row++ + i];
          if (at == kPlaces) continue;
          leads[at] = std::max(leads[at], element_leads_[12 * int64_t(slot >> 2) + kEndOf[k][place]]);
        }
      }
    }
  }

  // Nodes wait in a queue for each turn; the earliest turn goes first, also where it comes up again.
  void run(const Itinerary<Real>& itinerary, const Scenarios<Real>& scenarios) {
    std::fill_n(next_.data(), rings_.nodes, kWaiting);
    first_.assign(itinerary.turns, kNone);
    last_.assign(itinerary.turns, kNone);
    now_ = itinerary.turns;
    for (int32_t v = 0; v < rings_.nodes; ++v)
      mark_neighbours(itinerary, v, &times_[kScenarios * int64_t(v)]);
    Real improved[kScenarios];
    while (now_ < itinerary.turns) {
      const int32_t v = first_[now_];
      if (v == kNone) {
        ++now_;
        continue;
      }
      first_[now_] = next_[v];
      next_[v] = kWaiting;
      if (lanes_.pull(scenarios, v, times_.data(), winners_.data(), improved))
        mark_neighbours(itinerary, v, improved);
    }
  }

  // A neighbour can profit only where it is not too early.
  void mark_neighbours(const Itinerary<Real>& itinerary, int32_t v, const Real* times) {
    for (int32_t q = rings_.neighbour_start[v]; q < rings_.neighbour_start[v + 1]; ++q) {
      const int32_t w = rings_.neighbours[q];
      if (next_[w] != kWaiting) continue;
      const Real* other = &times_[kScenarios * int64_t(w)];
      const Real lead = leads_[q];
      int late = 0;
      for (int l = 0; l < kScenarios; ++l) late |= other[l] > times[l] - lead;
      if (late) queue(w, itinerary.turn[w]);
    }
  }

  void queue(int32_t v, int32_t turn) {
    next_[v] = kNone;
    if (first_[turn] == kNone) first_[turn] = v; else next_[last_[turn]] = v;
    last_[turn] = v;
    now_ = std::min<int64_t>(now_, turn);
  }

  const Rings rings_;
  const BatchLanes<Real> lanes_;
  Buffer<Real> slowness_, times_;
  Buffer<int32_t> winners_, next_;
  Buffer<Real> leads_, element_leads_;
  std::vector<int32_t> first_, last_;
  int64_t now_ = 0;
};

// Any number of scenarios on one mesh. Lanes pay where fronts start at the same nodes; elsewhere the
// order of one says little of the others.
template <typename Real>
struct Together {
  const Rings& rings;
  std::vector<Metric<Real>> metrics;
  std::vector<const Real*> begin;
  std::vector<Real*> times;
  std::vector<int32_t*> winners;

  bool share_lanes() const {
    if (begin.size() < kScenarios) return false;
    for (const Real* other : begin)
      for (int64_t v = 0; other != begin[0] && v < rings.nodes; ++v)
        if (std::isfinite(other[v]) != std::isfinite(begin[0][v])) return false;
    return true;
  }

  // In groups of as many as there are lanes, in the order of the first scenario's front.
  void solve(Crew& crew) const {
    std::vector<Real> first(begin[0], begin[0] + rings.nodes);
    Eikonal<Real>(rings).solve(metrics[0], first.data(), winners[0], crew);
    const Itinerary<Real> itinerary(rings, metrics[0], first.data());
    const int64_t count = static_cast<int64_t>(begin.size());
    std::vector<std::unique_ptr<EikonalBatch<Real>>> solvers(crew.size());
    crew.run((count + kScenarios - 1) / kScenarios, [&](int64_t group, int rank) {
      if (!solvers[rank]) solvers[rank].reset(new EikonalBatch<Real>(rings));
      const int64_t from = group * kScenarios, size = std::min<int64_t>(count - from, kScenarios);
      solvers[rank]->solve(itinerary, int(size), &metrics[from], &begin[from], &times[from],
                           &winners[from]);
    });
  }
};

}  // namespace twin
