#include "eikonal_lanes.h"

namespace twin {
TWIN_PULL(avx2)
}  // namespace twin
