// Several scenarios on one mesh, as the lanes see them.
#pragma once
#include <cstdint>

#include "eikonal_metric.h"
#include "eikonal_ring.h"

namespace twin {

constexpr int kScenarios = 8;
constexpr int64_t kSpanRow = 12;  // an element's nine extents, padded

// `spans` holds a row for each element; `slowness` the squares of 1 / speed, for each element and
// axis a number for each scenario, infinite where it is blocked.
template <typename Real>
struct Scenarios {
  Rings rings;
  const bool* absent;
  const Real* spans;
  const Real* slowness;
};

// The place of each of an element's corners k and i among twelve ordered pairs.
constexpr int kEndOf[4][4] = {{-1, 0, 1, 2}, {3, -1, 4, 5}, {6, 7, -1, 8}, {9, 10, 11, -1}};

}  // namespace twin
