// Straight ways from a source to the nodes around it, cut where they pass from one tetrahedron
// into the next: along them the first arrivals near a source are known without a solver's error.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "eikonal_ring.h"

namespace twin {

// The node that each way leads to and the number of its pieces; then for all pieces, way by way,
// the element, and the plane normal . x + offset = 0 at its end (all zero at the last's).
struct Rays {
  std::vector<int32_t> nodes, counts, elements;
  std::vector<double> planes;
};

class RayTracer {
 public:
  RayTracer(const Rings& rings, const int32_t* corners, const double* points)
      : rings_(rings), corners_(corners), points_(points) {}

  // The tetrahedron that holds x, or -1. Looks around the nearest node before everywhere.
  int32_t locate(const double* x) const {
    int32_t nearest = 0;
    double least = kFar;
    for (int32_t v = 0; v < rings_.nodes; ++v) {
      const double d = distance2(x, points_ + 3 * int64_t(v));
      if (d < least) least = d, nearest = v;
    }
    int32_t found = -1;
    for_ring(nearest, [&](int32_t e) { return holds(e, x) ? (found = e, true) : false; });
    for (int32_t e = 0; found < 0 && e < rings_.elements; ++e)
      if (solid(e) && holds(e, x)) found = e;
    return found;
  }

  // Ways from x to all nodes within `radius` that can be reached inside the mesh. x lies in
  // tetrahedron `element`, or at node `node` where that is >= 0.
  Rays trace(const double* x, int32_t element, int32_t node, double radius) const {
    Rays rays;
    std::vector<int32_t> way;
    std::vector<double> cuts;
    for (int32_t v = 0; v < rings_.nodes; ++v) {
      const double* target = points_ + 3 * int64_t(v);
      if (v == node || distance2(x, target) > radius * radius) continue;
      const int32_t first = node < 0 ? element : departure(node, v);
      if (first < 0 || !walk(x, v, first, way, cuts)) continue;
      rays.nodes.push_back(v);
      rays.counts.push_back(static_cast<int32_t>(way.size()));
      cuts.resize(4 * way.size(), 0);
      rays.elements.insert(rays.elements.end(), way.begin(), way.end());
      rays.planes.insert(rays.planes.end(), cuts.begin(), cuts.end());
    }
    return rays;
  }

 private:
  static constexpr int kMostPieces = 200;
  static constexpr double kFar = 1e300;
  static constexpr double kSlack = 1e-9;  // of a barycentric coordinate
  using Plane = std::array<double, 4>;

  static double distance2(const double* a, const double* b) {
    double sum = 0;
    for (int d = 0; d < 3; ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
  }

  static double height(const Plane& p, const double* x) {
    return p[0] * x[0] + p[1] * x[1] + p[2] * x[2] + p[3];
  }

  bool solid(int32_t e) const { return corners_[4 * int64_t(e) + 3] < rings_.nodes; }

  // visit(element) for the tetrahedra around a node until it returns true.
  template <typename Visit>
  void for_ring(int32_t v, Visit visit) const {
    const int32_t size = rings_.start[v + 1] - rings_.start[v];
    const int32_t* slot = rings_.slots + rings_.start[v];
    for (int32_t i = 0; i < size; ++i)
      if (solid(slot[i] >> 2) && visit(slot[i] >> 2)) return;
  }

  // The plane of the face opposite corner j: 0 there, 1 at the corner.
  Plane face(int32_t e, int j) const {
    const int32_t* c = corners_ + 4 * int64_t(e);
    const double* a = points_ + 3 * int64_t(c[(j + 1) & 3]);
    const double* b = points_ + 3 * int64_t(c[(j + 2) & 3]);
    const double* d = points_ + 3 * int64_t(c[(j + 3) & 3]);
    double u[3], w[3];
    for (int k = 0; k < 3; ++k) u[k] = b[k] - a[k], w[k] = d[k] - a[k];
    Plane p{u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0], 0};
    p[3] = -(p[0] * a[0] + p[1] * a[1] + p[2] * a[2]);
    const double top = height(p, points_ + 3 * int64_t(c[j]));
    for (double& value : p) value /= top;
    return p;
  }

  bool holds(int32_t e, const double* x) const {
    for (int j = 0; j < 4; ++j)
      if (height(face(e, j), x) < -kSlack) return false;
    return true;
  }

  // The tetrahedron at `node` into which the way to node v sets out, or -1.
  int32_t departure(int32_t node, int32_t v) const {
    const double *from = points_ + 3 * int64_t(node), *to = points_ + 3 * int64_t(v);
    int32_t found = -1;
    double best = -1e-6;
    for_ring(node, [&](int32_t e) {
      double least = kFar;
      for (int j = 0; j < 4; ++j) {
        if (corners_[4 * int64_t(e) + j] == node) continue;
        const Plane p = face(e, j);
        least = std::min(least, height(p, to) - height(p, from));
      }
      if (least > best) best = least, found = e;
      return false;
    });
    return found;
  }

  // The tetrahedron on the other side of the face opposite corner j, or -1.
  int32_t across(int32_t e, int j) const {
    const int32_t* c = corners_ + 4 * int64_t(e);
    int32_t found = -1;
    for_ring(c[(j + 1) & 3], [&](int32_t other) {
      if (other == e) return false;
      const int32_t* o = corners_ + 4 * int64_t(other);
      int shared = 0;
      for (int k = 0; k < 4; ++k) shared += k != j && std::find(o, o + 4, c[k]) != o + 4;
      return shared == 3 ? (found = other, true) : false;
    });
    return found;
  }

  bool walk(const double* x, int32_t v, int32_t e, std::vector<int32_t>& way,
            std::vector<double>& cuts) const {
    const double* target = points_ + 3 * int64_t(v);
    way.clear();
    cuts.clear();
    for (int piece = 0; piece < kMostPieces; ++piece) {
      way.push_back(e);
      const int32_t* c = corners_ + 4 * int64_t(e);
      if (std::find(c, c + 4, v) != c + 4) return true;
      int exit = -1;
      double first = kFar;
      Plane plane{};
      for (int j = 0; j < 4; ++j) {
        const Plane p = face(e, j);
        const double start = height(p, x), end = height(p, target);
        if (end >= start || end > kSlack) continue;
        const double s = start / (start - end);
        if (s < first) first = s, exit = j, plane = p;
      }
      if (exit < 0) return false;
      cuts.insert(cuts.end(), plane.begin(), plane.end());
      e = across(e, exit);
      if (e < 0) return false;
    }
    return false;
  }

  const Rings rings_;
  const int32_t* corners_;
  const double* points_;
};

}  // namespace twin
