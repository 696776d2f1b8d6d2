// The passage of a front through a heart, as the leads see it, and its adjoints.
//
// Sums are made slab by slab, a fixed share of the elements each, and added in order: the same bits
// for any number of threads.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "instructions.h"
#include "parallel.h"
#include "passage_weights.h"

namespace twin {

#define TWIN_DECLARE_PASSAGE_OF(set, Real)                                                       \
  void pass_##set(const Passage<Real>&, const Real*, int64_t, int64_t, Real*);                   \
  void pass_times_##set(const Passage<Real>&, const Real*, const Real*, int64_t, int64_t, Real*); \
  void pass_weights_##set(const Passage<Real>&, const Real*, const Real*, const Real*, int64_t,  \
                          int64_t, Real*);
#define TWIN_DECLARE_PASSAGE(set)     \
  TWIN_DECLARE_PASSAGE_OF(set, float) \
  TWIN_DECLARE_PASSAGE_OF(set, double)
TWIN_DECLARE_PASSAGE(baseline)
#ifdef TWIN_X86
TWIN_DECLARE_PASSAGE(avx2)
TWIN_DECLARE_PASSAGE(avx512)
#endif
#undef TWIN_DECLARE_PASSAGE
#undef TWIN_DECLARE_PASSAGE_OF

template <typename Real>
struct PassageLanes {
  void (*pass)(const Passage<Real>&, const Real*, int64_t, int64_t, Real*);
  void (*pass_times)(const Passage<Real>&, const Real*, const Real*, int64_t, int64_t, Real*);
  void (*pass_weights)(const Passage<Real>&, const Real*, const Real*, const Real*, int64_t,
                       int64_t, Real*);
};

template <typename Real>
PassageLanes<Real> choose_passage() {
  switch (choose_instructions()) {
#ifdef TWIN_X86
    case Instructions::avx512:
      return {pass_avx512, pass_times_avx512, pass_weights_avx512};
    case Instructions::avx2:
      return {pass_avx2, pass_times_avx2, pass_weights_avx2};
#endif
    default:
      return {pass_baseline, pass_times_baseline, pass_weights_baseline};
  }
}

template <typename Real>
class PassageSolver {
 public:
  // What the leads see pass in each bin (bins x leads), and the sums of the weights around each node
  // over the elements that the front reaches whole (nodes x leads).
  void solve(const Passage<Real>& p, const Real* times, Real* sums, Real* totals, Crew& crew) {
    sum_slabs(p, crew, sums, kLeads * p.bins, [&](int64_t from, int64_t to, Real* slab) {
      lanes_.pass(p, times, from, to, slab);
    }, [&] { add_totals(p, times, totals); });
  }

  void by_times(const Passage<Real>& p, const Real* times, const Real* by_sums, Real* by,
                Crew& crew) {
    sum_slabs(p, crew, by, p.nodes, [&](int64_t from, int64_t to, Real* slab) {
      lanes_.pass_times(p, times, by_sums, from, to, slab);
    }, [] {});
  }

  void by_weights(const Passage<Real>& p, const Real* times, const Real* by_sums,
                  const Real* by_totals, Real* by, Crew& crew) {
    crew.run(kSlabs, [&](int64_t slab, int) {
      lanes_.pass_weights(p, times, by_sums, by_totals, begin(p, slab), begin(p, slab + 1), by);
    });
  }

 private:
  static constexpr int64_t kSlabs = 4;

  static int64_t begin(const Passage<Real>& p, int64_t slab) { return p.elements * slab / kSlabs; }

  // result = sum over slabs of what work(from, to, slab) adds to zeros; `beside` runs once meanwhile.
  template <typename Work, typename Beside>
  void sum_slabs(const Passage<Real>& p, Crew& crew, Real* result, int64_t size, const Work& work,
                 const Beside& beside) {
    slabs_.assign(size * kSlabs, Real(0));
    crew.run(kSlabs + 1, [&](int64_t chunk, int) {
      if (chunk == 0) return beside();
      work(begin(p, chunk - 1), begin(p, chunk), slabs_.data() + size * (chunk - 1));
    });
    std::copy_n(slabs_.data(), size, result);
    for (int64_t slab = 1; slab < kSlabs; ++slab)
      for (int64_t i = 0; i < size; ++i) result[i] += slabs_[size * slab + i];
  }

  // Those of the whole heart, which scenarios with the same weights share, less what is not reached.
  void add_totals(const Passage<Real>& p, const Real* times, Real* totals) {
    if (weights_ != p.weights) {
      whole_.assign(kLeads * p.nodes, Real(0));
      for (int64_t e = 0; e < p.elements; ++e) add_corners(p, e, 1, whole_.data());
      weights_ = p.weights;
    }
    std::copy(whole_.begin(), whole_.end(), totals);
    for (int64_t e = 0; e < p.elements; ++e) {
      bool whole = true;
      for (int i = 0; i < 4; ++i) whole &= std::isfinite(times[p.tetrahedra[4 * e + i]]);
      if (!whole) add_corners(p, e, -1, totals);
    }
  }

  static void add_corners(const Passage<Real>& p, int64_t e, Real sign, Real* totals) {
    const Real* w = p.weights + 4 * kLeads * e;
    for (int i = 0; i < 4; ++i) {
      Real* total = totals + kLeads * int64_t(p.tetrahedra[4 * e + i]);
      for (int l = 0; l < kLeads; ++l) total[l] += sign * w[4 * l + i];
    }
  }

  const PassageLanes<Real> lanes_ = choose_passage<Real>();
  std::vector<Real> slabs_, whole_;
  const Real* weights_ = nullptr;
};

}  // namespace twin
