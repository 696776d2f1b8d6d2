// A heart whose elements the leads see, as the lanes see it.
#pragma once
#include <cstdint>

namespace twin {

constexpr int kLeads = 8;

// `weights` holds for each tetrahedron and lead what the lead sees of each corner; bin i covers
// [i, i + 1) bin widths.
template <typename Real>
struct Passage {
  int64_t nodes, elements, bins;
  const int32_t* tetrahedra;
  const Real* weights;
  Real bin_width;
};

}  // namespace twin
