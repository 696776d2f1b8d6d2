// Arrival times of a front on a mesh of tetrahedra, triangles and branches.
//
// An ordered fast iterative method: rounds in which every node that a neighbour has improved, and
// whose turn has come in order of arrival, takes the earliest arrival through its ring. A round
// reads only times of the rounds before it, so that any number of threads gives the same bits.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "buffer.h"
#include "eikonal_metric.h"
#include "eikonal_ring.h"
#include "parallel.h"

namespace twin {

#define TWIN_DECLARE_LANES_OF(set, Real)                                                  \
  void measure_##set(const Metric<Real>&, int64_t, int64_t, Real*);                       \
  void pull_##set(const Rings&, const Real*, const Real*, const int32_t*, int64_t, Real*, \
                  int32_t*, Real*);
#define TWIN_DECLARE_LANES(set)     \
  TWIN_DECLARE_LANES_OF(set, float) \
  TWIN_DECLARE_LANES_OF(set, double)
TWIN_DECLARE_LANES(baseline)
#ifdef TWIN_X86
TWIN_DECLARE_LANES(avx2)
TWIN_DECLARE_LANES(avx512)
#endif
#undef TWIN_DECLARE_LANES
#undef TWIN_DECLARE_LANES_OF

template <typename Real>
struct Lanes {
  void (*measure)(const Metric<Real>&, int64_t, int64_t, Real*);
  void (*pull)(const Rings&, const Real*, const Real*, const int32_t*, int64_t, Real*, int32_t*,
               Real*);
};

// The widest instruction set of this machine, or the one that TWIN_SIMD names.
template <typename Real>
Lanes<Real> choose_lanes() {
  const char* wish = std::getenv("TWIN_SIMD");
  const std::string name = wish ? wish : "";
#ifdef TWIN_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (avx512 && (name.empty() || name == "avx512")) return {measure_avx512, pull_avx512};
  if (avx2 && (name.empty() || name == "avx2")) return {measure_avx2, pull_avx2};
#endif
  if (name.empty() || name == "baseline") return {measure_baseline, pull_baseline};
  throw std::invalid_argument("TWIN_SIMD=" + name +
                              ": this machine or build has no such instruction set; expected "
                              "avx512, avx2 or baseline");
}

template <typename Real>
class Eikonal {
 public:
  explicit Eikonal(const Rings& rings)
      : rings_(rings),
        lanes_(choose_lanes<Real>()),
        keys_(rings.nodes),
        durations_(kRow * rings.elements),
        delays_(rings.neighbour_start[rings.nodes]),
        times_(rings.nodes),
        now_(rings.nodes) {}

  // times: first the sources' times and infinity elsewhere, at the end the arrivals.
  // winners: the slot code that a node's time came through, -1 at sources and where never.
  void solve(const Metric<Real>& metric, Real* times, int32_t* winners, Crew& crew) {
    winners_ = winners;
    const int64_t blocks = (rings_.elements + kBlock - 1) / kBlock;
    crew.run(blocks, [&](int64_t block, int) {
      const int64_t end = std::min(rings_.elements, (block + 1) * kBlock);
      lanes_.measure(metric, block * kBlock, end, durations_.data());
    });
    start(times, crew.size());
    while (gather()) {
      const int64_t count = static_cast<int64_t>(due_.size());
      const int64_t chunks = (count + kGrain - 1) / kGrain;
      const auto range = [count](int64_t chunk) {
        return std::pair(chunk * kGrain, std::min(count, (chunk + 1) * kGrain));
      };
      crew.run(chunks, [&](int64_t chunk, int) {
        const auto [from, to] = range(chunk);
        lanes_.pull(rings_, durations_.data(), times_.data(), due_.data() + from, to - from, now_.data(),
              candidates_.data(), delays_.data());
      });
      crew.run(chunks, [&](int64_t chunk, int rank) {
        const auto [from, to] = range(chunk);
        for (int64_t i = from; i < to; ++i)
          if (now_[due_[i]] < times_[due_[i]]) settle(due_[i], lists_[rank]);
      });
    }
    std::copy(times_.begin(), times_.end(), times);
  }

 private:
  static constexpr Real never = std::numeric_limits<Real>::infinity();
  static constexpr int64_t kGrain = 32, kBlock = 4096;
  static constexpr Real kWindow = Real(0.3);  // of a mean edge's travel time
  static constexpr Real kHorizon = 8;         // windows that are kept sorted out from the rest

  struct alignas(64) Lists {
    std::vector<int32_t> next, near, far;
  };

  // A key is the earliest time at which a neighbour improved: a node's place in the order.
  struct Key {
    std::atomic<Real> value;
    Key() : value(never) {}
    Key(const Key&) : value(never) {}
    Key& operator=(const Key&) { value.store(never, std::memory_order_relaxed); return *this; }
    Real get() const { return value.load(std::memory_order_relaxed); }
    void clear() { value.store(never, std::memory_order_relaxed); }
    Real lower(Real to, bool alone) {
      Real before = get();
      if (alone) {
        if (to < before) value.store(to, std::memory_order_relaxed);
        return before;
      }
      while (to < before &&
             !value.compare_exchange_weak(before, to, std::memory_order_relaxed)) {
      }
      return before;
    }
  };

  void start(const Real* times, int threads) {
    std::copy(times, times + rings_.nodes, times_.begin());
    std::copy(times, times + rings_.nodes, now_.begin());
    std::fill(winners_, winners_ + rings_.nodes, -1);
    candidates_.assign(rings_.nodes, kUnvisited);
    std::fill(keys_.begin(), keys_.end(), Key());
    std::fill(delays_.begin(), delays_.end(), -never);  // not known yet
    lists_.assign(threads, Lists());
    alone_ = threads == 1;
    near_.clear();
    far_.clear();
    width_ = kWindow * typical_edge();
    end_ = horizon_ = -never;
    for (int32_t v = 0; v < rings_.nodes; ++v)
      if (times_[v] < never) mark_neighbours(v, times_[v], lists_[0]);
  }

  // Harmonic mean of the travel times along some of the edges: the fast tissue sets the pace.
  Real typical_edge() const {
    double rate = 0, count = 0;
    for (int64_t e = 0; e < rings_.elements; e += 61)
      for (int j = 0; j < 6; ++j) {
        const Real duration = durations_[kRow * e + j];
        if (duration > 0 && duration < kAbsent<Real>) rate += 1 / double(duration), ++count;
      }
    return count ? Real(count / rate) : Real(1);
  }

  void settle(int32_t v, Lists& lists) {
    times_[v] = now_[v];
    winners_[v] = candidates_[v];
    mark_neighbours(v, now_[v], lists);
  }

  // A neighbour can profit only if it is later than by the least delay of a front through v.
  void mark_neighbours(int32_t v, Real time, Lists& lists) {
    int32_t late[kPlaces], count = 0;
    for (int32_t q = rings_.neighbour_start[v]; q < rings_.neighbour_start[v + 1]; ++q) {
      const int32_t w = late[count] = rings_.neighbours[q];
      count += (now_[w] > time + delays_[q]) & (keys_[w].get() > time);
    }
    for (int32_t i = 0; i < count; ++i) {
      const int32_t w = late[i];
      const Real before = keys_[w].lower(time, alone_);
      if (!(time < before)) continue;
      if (time < end_ && !(before < end_)) lists.next.push_back(w);
      else if (time >= end_ && time < horizon_ && !(before < horizon_)) lists.near.push_back(w);
      else if (time >= horizon_ && before == never) lists.far.push_back(w);
    }
  }

  // The nodes of the next round, into due_; false when none is left.
  bool gather() {
    due_.clear();
    for (Lists& l : lists_) {
      for (int32_t v : l.next) take(v);
      l.next.clear();
      near_.insert(near_.end(), l.near.begin(), l.near.end());
      far_.insert(far_.end(), l.far.begin(), l.far.end());
      l.near.clear();
      l.far.clear();
    }
    if (!due_.empty()) return true;
    if (advance()) return true;
    const Real first = keep_keys(far_, horizon_, never);
    if (!(first < never)) return false;
    horizon_ = first + kHorizon * width_;
    near_ = far_;
    return advance();
  }

  void take(int32_t v) {
    if (!(keys_[v].get() < never)) return;
    keys_[v].clear();
    due_.push_back(v);
  }

  // Keeps the nodes whose key is in [from, to) and returns the earliest of these keys. A node that
  // was taken, or whose key has moved, may still stand where it once belonged: which ones do
  // depends on the threads, so they must count for nothing.
  Real keep_keys(std::vector<int32_t>& list, Real from, Real to) {
    Real first = never;
    size_t kept = 0;
    for (int32_t v : list) {
      const Real key = keys_[v].get();
      if (!(key >= from && key < to)) continue;
      first = std::min(first, key);
      list[kept++] = v;
    }
    list.resize(kept);
    return first;
  }

  // Opens the next window and takes the nodes in it; false when no node is near.
  bool advance() {
    const Real first = keep_keys(near_, -never, horizon_);
    if (!(first < never)) return false;
    end_ = std::min(std::nextafter(first + width_, never), horizon_);
    size_t kept = 0;
    for (int32_t v : near_)
      if (keys_[v].get() < end_) take(v); else near_[kept++] = v;
    near_.resize(kept);
    return true;
  }

  const Rings rings_;
  const Lanes<Real> lanes_;
  int32_t* winners_ = nullptr;
  Real width_ = 0, end_ = 0, horizon_ = 0;
  std::vector<Key> keys_;
  Buffer<Real> durations_;
  // now_ runs ahead of times_ by the round at hand.
  std::vector<Real> delays_, times_, now_;
  bool alone_ = false;
  std::vector<int32_t> candidates_, due_, near_, far_;
  std::vector<Lists> lists_;
};

}  // namespace twin
