#include "eikonal_lanes.h"

namespace twin {
TWIN_LANES(baseline)
}  // namespace twin
