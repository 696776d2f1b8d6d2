#include "eikonal_lanes.h"

namespace twin {
TWIN_PULL(baseline)
}  // namespace twin
