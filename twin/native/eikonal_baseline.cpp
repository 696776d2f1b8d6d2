#include "eikonal_batch_lanes.h"

namespace twin {
TWIN_LANES(baseline)
TWIN_BATCH(baseline)
}  // namespace twin
