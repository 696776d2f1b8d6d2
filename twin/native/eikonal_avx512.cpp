#include "eikonal_batch_lanes.h"

namespace twin {
TWIN_LANES(avx512)
TWIN_BATCH(avx512)
}  // namespace twin
