#include "eikonal_lanes.h"

namespace twin {
TWIN_LANES(avx2)
}  // namespace twin
