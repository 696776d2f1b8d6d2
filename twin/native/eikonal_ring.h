// A mesh as the kernels see it: around every node, packed, the elements that meet there.
#pragma once
#include <cstdint>

namespace twin {

constexpr int kLanes = 8;    // rings are padded to a multiple of this
constexpr int32_t kUnvisited = -2;
constexpr int kPlaces = 255;  // one more than the neighbours that a node may have

// Node v has start[v + 1] - start[v] slots, padded; a slot is 4 * element + (place of v in the
// element). `places` has three rows for each node: which of its neighbours, counted from
// neighbour_start[v], are the corners a, b, c of the slot's opposite face; kPlaces for padding and
// for the missing corners of triangles and branches.
struct Rings {
  int64_t nodes, elements;
  const int32_t* start;            // nodes + 1
  const int32_t* slots;            // start[nodes]
  const uint8_t* places;           // 3 * start[nodes]
  const int32_t* neighbour_start;  // nodes + 1
  const int32_t* neighbours;
};

// Which of an element's six edges (01 02 03 12 13 23) leads from its node to corner a, b, c of
// the opposite face, and which join a-b, a-c, b-c: one hexadecimal digit for each place of the
// node, the lowest for place 0.
constexpr int32_t kEdgeOfPlace[6] = {0x2100, 0x4331, 0x5542, 0x0013, 0x1224, 0x3455};

}  // namespace twin
