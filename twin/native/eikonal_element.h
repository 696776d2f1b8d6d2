// The earliest arrival at one node of a tetrahedron through its opposite face (Hopf-Lax), from the
// travel times along its six edges.
//
// Compiled once for every instruction set, hence the unnamed namespace: no copy made for one
// machine may be linked into code for another.
#pragma once

#include "inline.h"

namespace twin {
namespace {

template <typename Real>
constexpr Real kNever = static_cast<Real>(__builtin_inf());

// Time, and the share of each corner of the face in the point that the front came through.
template <typename Real>
struct Arrival {
  Real time, a, b, c;
};

TWIN_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
TWIN_INLINE double square_root(double x) { return __builtin_sqrt(x); }

// Squared normalised volume below which a face's interior is left to its edges: there the
// determinant is rounding.
template <typename Real>
constexpr Real kFlat = sizeof(Real) == 4 ? Real(1e-5) : Real(1e-12);

// Through the edge between corners i and j: minimise (1-s) t_i + s t_j + |e_i + s (e_j - e_i)|.
// `step` is t_j - t_i, `length` the squared length of the edge, `inverse` one over it, `area` the
// Gram determinant. Returns the time, and s in `share`; never, where the minimum is not on the
// edge.
template <typename Real>
TWIN_INLINE Real through_edge(Real t, Real step, Real gii, Real gij, Real length, Real inverse,
                              Real area, Real& share) {
  const Real slack = length - step * step;
  const Real root = square_root(area * slack);
  const Real place = (gii - gij) * slack - step * root;
  const bool inside = (slack > 0) & (place >= 0) & (place <= length * slack);
  share = place / (length * slack);
  return inside ? t + ((gii - gij) * step + root) * inverse : kNever<Real>;
}

// Arrival from corners a, b, c at times ta, tb, tc; the d's are travel times along the node's
// edges to the corners, the l's their squares, and those of the face's edges. Infinite times and
// lengths make NaN on the way, and every comparison turns those down.
template <typename Real>
TWIN_INLINE Arrival<Real> arrive(Real ta, Real tb, Real tc, Real da, Real db, Real dc, Real la,
                                 Real lb, Real lc, Real lab, Real lac, Real lbc) {
  const Real gab = Real(0.5) * (la + lb - lab);
  const Real gac = Real(0.5) * (la + lc - lac);
  const Real gbc = Real(0.5) * (lb + lc - lbc);
  const Real caa = lb * lc - gbc * gbc, cbb = la * lc - gac * gac, ccc = la * lb - gab * gab;
  const Real cab = gac * gbc - gab * lc, cac = gab * gbc - gac * lb, cbc = gab * gac - gbc * la;
  const Real det = la * caa + gab * cab + gac * cac;
  const Real b = tb - ta, c = tc - ta;

  Real s;
  const Real corner_a = ta + da;
  Arrival<Real> best{corner_a, 1, 0, 0};
  const auto offer = [&best](bool better, Arrival<Real> other) __attribute__((always_inline)) {
    best.time = better ? other.time : best.time;
    best.a = better ? other.a : best.a;
    best.b = better ? other.b : best.b;
    best.c = better ? other.c : best.c;
  };
  if (!(corner_a < kNever<Real>)) best.time = kNever<Real>;
  const Real corner_b = tb + db;
  offer(corner_b < best.time, {corner_b, 0, 1, 0});
  const Real corner_c = tc + dc;
  offer(corner_c < best.time, {corner_c, 0, 0, 1});
  // One division for all three edges.
  const Real ab_ac = lab * lac, whole_inverse = 1 / (ab_ac * lbc), bc_inverse = lbc * whole_inverse;
  const Real edge_ab = through_edge(ta, b, la, gab, lab, lac * bc_inverse, ccc, s);
  offer(edge_ab < best.time, {edge_ab, 1 - s, s, 0});
  const Real edge_ac = through_edge(ta, c, la, gac, lac, lab * bc_inverse, cbb, s);
  offer(edge_ac < best.time, {edge_ac, 1 - s, 0, s});
  const Real edge_bc = through_edge(tb, tc - tb, lb, gbc, lbc, ab_ac * whole_inverse, caa, s);
  offer(edge_bc < best.time, {edge_bc, 0, 1 - s, s});

  // Inside the face: (tau - t)' C (tau - t) = det with C the adjugate of the Gram matrix.
  const Real ra = caa + cab + cac, rb = cab + cbb + cbc, rc = cac + cbc + ccc;
  const Real sum = ra + rb + rc, mixed = rb * b + rc * c;
  const Real pb = cbb * b + cbc * c, pc = cbc * b + ccc * c;
  const Real tau = (mixed + square_root(mixed * mixed - sum * (b * pb + c * pc - det))) / sum;
  const Real wa = ra * tau - (cab * b + cac * c), wb = rb * tau - pb, wc = rc * tau - pc;
  const bool inside =
      (wa >= 0) & (wb >= 0) & (wc >= 0) & (det > kFlat<Real> * la * lb * lc);
  const Real whole = wa + wb + wc;
  offer(inside, {ta + tau, wa / whole, wb / whole, wc / whole});
  return best;
}

// The same from travel times alone.
template <typename Real>
TWIN_INLINE Arrival<Real> arrive(Real ta, Real tb, Real tc, Real da, Real db, Real dc, Real dab,
                                 Real dac, Real dbc) {
  return arrive(ta, tb, tc, da, db, dc, da * da, db * db, dc * dc, dab * dab, dac * dac,
                dbc * dbc);
}

// By how much a node must at least be later than corner a for a front through a to come to it:
// where an angle at the node is obtuse, this is negative. T - t_a is e_a's extent along the
// front's way, which lies among the edges: least along one of these (`along_b`, `along_c`: e_a's
// extent along each) or, where both others are obtuse to e_a, no further back than e_a is long.
template <typename Real>
TWIN_INLINE Real least_delay(Real da, Real along_b, Real along_c) {
  const Real least = along_b < along_c ? along_b : along_c;
  const bool both = (along_b < 0) & (along_c < 0);
  return both ? -da : (least < da ? least : da);
}

}  // namespace
}  // namespace twin
