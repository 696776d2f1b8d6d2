// A mesh as the kernels see it: around every node, packed, the elements that meet there.
#pragma once
#include <cstdint>

namespace twin {

constexpr int kLanes = 8;    // rings are padded to a multiple of this
constexpr int32_t kUnvisited = -2;
constexpr int kPlaces = 255;  // neighbours of a node that are told apart

// Node v has start[v + 1] - start[v] slots, padded. Its slots lie together, as four rows: the
// face's corners a, b, c, and 4 * element + (place of v in the element). Padding and the missing
// corners of triangles and branches point to node `nodes`, which is never reached.
struct Rings {
  int64_t nodes, elements;
  const int32_t* start;      // nodes + 1
  const int32_t* slots;      // 4 * start[nodes]
  // Three rows for each node, like the slots': which of its neighbours the corners are, counted
  // from neighbour_start[v]; kPlaces for padding, missing corners and neighbours beyond.
  const uint8_t* places;
  const int32_t* neighbour_start;  // nodes + 1
  const int32_t* neighbours;
  const int32_t* mirror;  // where v stands among the neighbours of its neighbour
};

// Which of an element's six edges (01 02 03 12 13 23) leads from its node to corner a, b, c of
// the opposite face, and which join a-b, a-c, b-c: one hexadecimal digit for each place of the
// node, the lowest for place 0.
constexpr int32_t kEdgeOfPlace[6] = {0x2100, 0x4331, 0x5542, 0x0013, 0x1224, 0x3455};

}  // namespace twin
