// Prepares a mesh for the kernels: nodes along a space-filling curve, elements in the order of
// their first node, and every node's ring and neighbours packed.
#pragma once
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "eikonal_ring.h"

namespace twin {

struct Front {
  std::vector<int32_t> node_order;     // new -> given
  std::vector<int32_t> element_order;  // new -> given
  std::vector<int32_t> corners;        // 4 per element, new numbers; `nodes` where missing
  std::vector<int32_t> start, slots, neighbour_start, neighbours;
  std::vector<uint8_t> places;
};

namespace front_detail {

inline uint64_t spread_bits(uint64_t v) {
  v &= 0x1fffff;
  v = (v | v << 32) & 0x1f00000000ffffull;
  v = (v | v << 16) & 0x1f0000ff0000ffull;
  v = (v | v << 8) & 0x100f00f00f00f00full;
  v = (v | v << 4) & 0x10c30c30c30c30c3ull;
  return (v | v << 2) & 0x1249249249249249ull;
}

// Order of the nodes along the Morton curve through their bounding cube.
inline std::vector<int32_t> curve_order(const double* points, int64_t nodes) {
  double low[3] = {0, 0, 0}, extent = 0;
  for (int d = 0; d < 3; ++d) {
    double least = points[d], most = points[d];
    for (int64_t v = 0; v < nodes; ++v) {
      least = std::min(least, points[3 * v + d]);
      most = std::max(most, points[3 * v + d]);
    }
    low[d] = least;
    extent = std::max(extent, most - least);
  }
  const double scale = extent > 0 ? 2097151 / extent : 0;
  std::vector<std::pair<uint64_t, int32_t>> keys(nodes);
  for (int64_t v = 0; v < nodes; ++v) {
    uint64_t key = 0;
    for (int d = 0; d < 3; ++d)
      key |= spread_bits(static_cast<uint64_t>((points[3 * v + d] - low[d]) * scale)) << d;
    keys[v] = {key, static_cast<int32_t>(v)};
  }
  std::sort(keys.begin(), keys.end());
  std::vector<int32_t> order(nodes);
  for (int64_t v = 0; v < nodes; ++v) order[v] = keys[v].second;
  return order;
}

// Start of each bucket, from how many items each holds.
inline std::vector<int32_t> running_sum(const std::vector<int32_t>& counts) {
  std::vector<int32_t> start(counts.size() + 1, 0);
  for (size_t i = 0; i < counts.size(); ++i) start[i + 1] = start[i] + counts[i];
  return start;
}

// How many elements meet at each node.
inline std::vector<int32_t> tally_of(const std::vector<int32_t>& corners, int64_t nodes) {
  std::vector<int32_t> tally(nodes + 1, 0);
  for (int32_t v : corners) ++tally[v];
  tally.pop_back();
  return tally;
}

// The slots of node v, by the octant that their element lies in as seen from it, each octant beside
// its neighbours: so that what lies ahead of a front and what lies behind it are apart. `points` are
// in the order of the nodes.
inline void sort_by_direction(const std::vector<double>& points,
                              const std::vector<int32_t>& corners, int32_t v, int32_t* from,
                              int32_t* to, std::vector<std::pair<int, int32_t>>& keys) {
  static constexpr int kGray[8] = {0, 1, 3, 2, 7, 6, 4, 5};
  const int64_t nodes = static_cast<int64_t>(points.size() / 3);
  int32_t begin[9] = {0};
  keys.clear();
  for (int32_t* slot = from; slot < to; ++slot) {
    double way[3] = {0, 0, 0};
    for (int k = 0; k < 4; ++k) {
      const int32_t u = corners[4 * int64_t(*slot >> 2) + k];
      if (u == nodes) continue;
      for (int d = 0; d < 3; ++d) way[d] += points[3 * int64_t(u) + d] - points[3 * int64_t(v) + d];
    }
    const int octant = kGray[(way[0] > 0) + 2 * (way[1] > 0) + 4 * (way[2] > 0)];
    keys.push_back({octant, *slot});
    ++begin[octant + 1];
  }
  for (int i = 0; i < 8; ++i) begin[i + 1] += begin[i];
  for (const auto& [octant, slot] : keys) from[begin[octant]++] = slot;
}

}  // namespace front_detail

// `elements` holds four node numbers each, -1 where a triangle or branch has no more corners.
inline Front prepare_front(const double* points, int64_t nodes, const int32_t* elements,
                           int64_t count) {
  using namespace front_detail;
  Front front;
  front.node_order = curve_order(points, nodes);
  const int32_t nobody = static_cast<int32_t>(nodes);
  std::vector<int32_t> number(nodes);
  for (int32_t v = 0; v < nobody; ++v) number[front.node_order[v]] = v;

  std::vector<int32_t> first(count), tally(nodes, 0);
  for (int64_t e = 0; e < count; ++e) {
    int32_t least = nobody;
    for (int k = 0; k < 4; ++k)
      if (elements[4 * e + k] >= 0) least = std::min(least, number[elements[4 * e + k]]);
    ++tally[first[e] = least];
  }
  std::vector<int32_t> place = running_sum(tally);
  front.element_order.resize(count);
  for (int64_t e = 0; e < count; ++e) front.element_order[place[first[e]]++] = int32_t(e);

  front.corners.resize(4 * count);
  for (int64_t e = 0; e < count; ++e)
    for (int k = 0; k < 4; ++k) {
      const int32_t given = elements[4 * int64_t(front.element_order[e]) + k];
      front.corners[4 * e + k] = given < 0 ? nobody : number[given];
    }
  tally = tally_of(front.corners, nodes);
  for (int32_t& t : tally) t = (t + kLanes - 1) / kLanes * kLanes;
  front.start = running_sum(tally);
  std::vector<int32_t> slots(4 * count), filled = running_sum(tally_of(front.corners, nodes));
  const std::vector<int32_t> first_slot = filled;
  for (int32_t i = 0; i < 4 * count; ++i)
    if (front.corners[i] != nobody) slots[filled[front.corners[i]]++] = i;

  std::vector<double> ordered(3 * nodes);
  for (int64_t v = 0; v < nodes; ++v)
    std::copy_n(points + 3 * int64_t(front.node_order[v]), 3, &ordered[3 * v]);
  std::vector<std::pair<int, int32_t>> keys;

  // seen[u] is u's entry among the neighbours of the node at hand, if not left from one before.
  std::vector<int32_t> seen(nodes, -1);
  front.slots.resize(front.start[nodes]);
  front.places.assign(3 * int64_t(front.start[nodes]), kPlaces);
  front.neighbour_start.push_back(0);
  front.neighbours.reserve(16 * nodes);
  for (int32_t v = 0; v < nobody; ++v) {
    int32_t *from = slots.data() + first_slot[v], *to = slots.data() + first_slot[v + 1];
    sort_by_direction(ordered, front.corners, v, from, to, keys);
    const int32_t size = front.start[v + 1] - front.start[v];
    int32_t* row = front.slots.data() + front.start[v];
    std::copy(from, to, row);
    std::fill(row + (to - from), row + size, from < to ? *from : 0);
    uint8_t* places = front.places.data() + 3 * int64_t(front.start[v]);
    const int32_t own = front.neighbour_start[v];
    for (int32_t i = 0; i < to - from; ++i)
      for (int k = 0, j = 0; k < 4; ++k) {
        if (k == (from[i] & 3)) continue;
        const int32_t u = front.corners[4 * int64_t(from[i] >> 2) + k], at = i + size * j++;
        if (u == nobody) continue;
        if (seen[u] < own) {
          seen[u] = static_cast<int32_t>(front.neighbours.size());
          front.neighbours.push_back(u);
        }
        if (seen[u] - own >= kPlaces)
          throw std::invalid_argument(
              "node " + std::to_string(front.node_order[v]) + " has more than " +
              std::to_string(kPlaces) + " neighbours; elements that needle-thin need a new mesh");
        places[at] = static_cast<uint8_t>(seen[u] - own);
      }
    front.neighbour_start.push_back(static_cast<int32_t>(front.neighbours.size()));
  }
  return front;
}

// How far the three edges from each element's first corner extend along one of its axes, in mm:
// three planes of one number an element. Axes are in the given order of the elements; an edge to a
// missing corner is 0.
template <typename Real>
void measure_spans(const Real* points, int64_t nodes, const int32_t* corners,
                   const int32_t* order, int64_t elements, const Real* axis, Real* spans) {
  for (int64_t e = 0; e < elements; ++e) {
    const Real* along = axis + 3 * int64_t(order[e]);
    const Real* first = points + 3 * int64_t(corners[4 * e]);
    for (int k = 1; k < 4; ++k) {
      const int32_t u = corners[4 * e + k];
      Real sum = 0;
      for (int d = 0; d < 3 && u < nodes; ++d)
        sum += (points[3 * int64_t(u) + d] - first[d]) * along[d];
      spans[(k - 1) * elements + e] = sum;
    }
  }
}

}  // namespace twin
