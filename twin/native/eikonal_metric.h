// Travel times along the edges of elements.
//
// Compiled once for every instruction set, hence the unnamed namespace.
#pragma once
#include <cstdint>

#include "eikonal_element.h"

namespace twin {

// Speeds, and the edges they are run along. `spans` are the extents of the edges from an element's
// first corner to its three others along each of its three axes, nine planes of one number an
// element. `absent` marks which of the six edges do not exist, and is null where all do. Speeds
// and `blocked` stand in the given order of the elements, `order` of which is an element's place.
template <typename Real>
struct Metric {
  int64_t elements;
  const Real* spans;
  const bool* absent;
  const int32_t* order;
  const Real* speeds;
  const bool* blocked;
};

constexpr int64_t kRow = 8;  // six edges' travel times, padded so that no row crosses a cache line

// Travel time along an edge that does not exist: too long for obtuse angles.
template <typename Real>
constexpr Real kAbsent = Real(1e3);

namespace {

// An element's six edges along one of its axes, in mm.
template <typename Real>
struct Extents {
  Real edge[6];
};

template <typename Real>
TWIN_INLINE Extents<Real> extents_of(const Metric<Real>& m, int64_t e, int axis) {
  const Real* plane = m.spans + 3 * axis * m.elements + e;
  const Real b = plane[0], c = plane[m.elements], d = plane[2 * m.elements];
  return {{b, c, d, c - b, d - b, d - c}};
}

// e' D^-1 e for its edges e, with D = sum of speed^2 axis axis', ms2. Absent edges are not
// regarded.
template <typename Real>
TWIN_INLINE Extents<Real> squares_of(const Metric<Real>& m, int64_t e) {
  Extents<Real> squares{{0, 0, 0, 0, 0, 0}};
  for (int axis = 0; axis < 3; ++axis) {
    const Real slowness = 1 / m.speeds[3 * int64_t(m.order[e]) + axis];
    const Extents<Real> x = extents_of(m, e, axis);
    for (int j = 0; j < 6; ++j) {
      const Real time = slowness * x.edge[j];
      squares.edge[j] += time * time;
    }
  }
  return squares;
}

// Travel times along the edges of element e, ms; in blocked tissue all edges take for ever.
template <typename Real>
TWIN_INLINE void durations_of(const Metric<Real>& m, int64_t e, Real* durations) {
  const Extents<Real> squares = squares_of(m, e);
  const bool blocked = m.blocked[m.order[e]];
  for (int j = 0; j < 6; ++j)
    durations[j] = blocked ? kNever<Real> : square_root(squares.edge[j]);
}

template <typename Real>
TWIN_INLINE void mark_absent(const Metric<Real>& m, int64_t e, Real* durations) {
  if (!m.absent || m.blocked[m.order[e]]) return;
  for (int j = 0; j < 6; ++j)
    if (m.absent[6 * e + j]) durations[j] = kAbsent<Real>;
}

}  // namespace
}  // namespace twin
