#include "eikonal_lanes.h"

namespace twin {
TWIN_LANES(avx512)
}  // namespace twin
