#include "eikonal_batch_lanes.h"

namespace twin {
TWIN_LANES(avx2)
TWIN_BATCH(avx2)
}  // namespace twin
