// Arrival times of a front on a mesh of tetrahedra, triangles and branches.
//
// An ordered fast iterative method: rounds in which every node that a neighbour has improved, and
// whose turn has come in order of arrival, takes the earliest arrival through its ring. A round
// reads only times of the rounds before it, so that any number of threads gives the same bits.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "buffer.h"
#include "eikonal_metric.h"
#include "eikonal_ring.h"
#include "instructions.h"
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

template <typename Real>
Lanes<Real> choose_lanes() {
  switch (choose_instructions()) {
#ifdef TWIN_X86
    case Instructions::avx512: return {measure_avx512, pull_avx512};
    case Instructions::avx2: return {measure_avx2, pull_avx2};
#endif
    default: return {measure_baseline, pull_baseline};
  }
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
      share_out(crew, [&](const int32_t* nodes, int64_t count, Worker&) {
        for (int64_t i = 0; i < count; ++i) keys_[nodes[i]].clear();
        lanes_.pull(rings_, durations_.data(), times_.data(), nodes, count, now_.data(),
                    candidates_.data(), delays_.data());
      });
      share_out(crew, [&](const int32_t* nodes, int64_t count, Worker& worker) {
        for (int64_t i = 0; i < count; ++i)
          if (now_[nodes[i]] < times_[nodes[i]]) settle(nodes[i], worker);
      });
    }
    std::copy(times_.begin(), times_.end(), times);
  }

 private:
  static constexpr Real never = std::numeric_limits<Real>::infinity();
  static constexpr int64_t kGrain = 32, kBlock = 4096;
  static constexpr Real kWindow = Real(0.2);  // of a mean edge's travel time
  static constexpr Real kHorizon = 16;        // windows that are kept sorted out from the rest

  // What one thread is to do and what it has found. It keeps to its own part of the nodes where it
  // can: its own cache holds that.
  struct alignas(64) Worker {
    std::vector<int32_t> due, near, far;
    std::vector<std::vector<int32_t>> next;  // by owner
    std::atomic<int64_t> begun{0};  // chunks of due
    int64_t chunks() const { return (int64_t(due.size()) + kGrain - 1) / kGrain; }
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
    workers_ = std::vector<Worker>(threads);
    for (Worker& w : workers_) w.next.resize(threads);
    splits_.assign(threads - 1, 0);
    for (int i = 1; i < threads; ++i) splits_[i - 1] = int32_t(rings_.nodes * i / threads);
    alone_ = threads == 1;
    width_ = kWindow * typical_edge();
    end_ = horizon_ = -never;
    for (int32_t v = 0; v < rings_.nodes; ++v)
      if (times_[v] < never) mark_neighbours(v, times_[v], workers_[0]);
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

  // work(nodes, count, worker) for all that is due, in chunks; a thread without any takes others'.
  template <typename Work>
  void share_out(Crew& crew, const Work& work) {
    int64_t chunks = 0;
    for (Worker& w : workers_) {
      w.begun.store(0, std::memory_order_relaxed);
      chunks += w.chunks();
    }
    crew.run(chunks, [&](int64_t, int rank) {
      for (size_t k = 0;; ++k) {
        Worker& w = workers_[(rank + k) % workers_.size()];
        const int64_t chunk = w.begun.fetch_add(1, std::memory_order_relaxed);
        if (chunk >= w.chunks()) continue;
        const int64_t from = chunk * kGrain, to = std::min<int64_t>(w.due.size(), from + kGrain);
        return work(w.due.data() + from, to - from, workers_[rank]);
      }
    });
  }

  void settle(int32_t v, Worker& worker) {
    times_[v] = now_[v];
    winners_[v] = candidates_[v];
    mark_neighbours(v, now_[v], worker);
  }

  // A neighbour can profit only if it is later than by the least delay of a front through v.
  void mark_neighbours(int32_t v, Real time, Worker& worker) {
    int32_t late[kPlaces], count = 0;
    for (int32_t q = rings_.neighbour_start[v]; q < rings_.neighbour_start[v + 1]; ++q) {
      const int32_t w = late[count] = rings_.neighbours[q];
      count += (now_[w] > time + delays_[q]) & (keys_[w].get() > time);
    }
    for (int32_t i = 0; i < count; ++i) {
      const int32_t w = late[i];
      const Real before = keys_[w].lower(time, alone_);
      if (!(time < before)) continue;
      if (time < end_ && !(before < end_)) worker.next[owner(w)].push_back(w);
      else if (time >= end_ && time < horizon_ && !(before < horizon_)) worker.near.push_back(w);
      else if (time >= horizon_ && before == never) worker.far.push_back(w);
    }
  }

  // The nodes of the next round, as due; false when none is left.
  bool gather() {
    bool any = false;
    for (size_t r = 0; r < workers_.size(); ++r) {
      std::vector<int32_t>& due = workers_[r].due;
      due.clear();
      for (Worker& w : workers_) {
        if (due.empty()) due.swap(w.next[r]);
        else due.insert(due.end(), w.next[r].begin(), w.next[r].end());
        w.next[r].clear();
      }
      any |= !due.empty();
    }
    if (any || advance()) return true;
    Real first = never;
    for (Worker& w : workers_) first = std::min(first, keep_keys(w.far, horizon_, never));
    if (!(first < never)) return false;
    horizon_ = first + kHorizon * width_;
    for (Worker& w : workers_) w.near = w.far;
    return advance();
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
    Real first = never;
    for (Worker& w : workers_) first = std::min(first, keep_keys(w.near, -never, horizon_));
    if (!(first < never)) return false;
    end_ = std::min(std::nextafter(first + width_, never), horizon_);
    opened_.clear();
    for (Worker& w : workers_) {
      size_t kept = 0;
      for (int32_t v : w.near) {
        const Real key = keys_[v].get();
        if (key < end_) {
          opened_.push_back(v);
          keys_[v].clear();  // it may stand in more than one list
        } else {
          w.near[kept++] = v;
        }
      }
      w.near.resize(kept);
    }
    split();
    for (int32_t v : opened_) workers_[owner(v)].due.push_back(v);
    return true;
  }

  // The thread whose part of the nodes v lies in.
  int owner(int32_t v) const {
    int rank = 0;
    for (int32_t split : splits_) rank += v >= split;
    return rank;
  }

  // Parts the curve along which nodes are numbered so that each thread has as much that is due.
  void split() {
    if (alone_) return;
    constexpr size_t kSamples = 64;
    int32_t sample[kSamples];
    const size_t step = std::max<size_t>(1, opened_.size() / kSamples);
    size_t count = 0;
    for (size_t i = 0; i < opened_.size() && count < kSamples; i += step) sample[count++] = opened_[i];
    std::sort(sample, sample + count);
    for (size_t i = 0; i < splits_.size(); ++i) splits_[i] = sample[count * (i + 1) / workers_.size()];
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
  std::vector<int32_t> candidates_, opened_, splits_;
  std::vector<Worker> workers_;
};

}  // namespace twin
