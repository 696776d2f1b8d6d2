#include "eikonal_lanes.h"

namespace twin {
TWIN_PULL(avx512)
}  // namespace twin
