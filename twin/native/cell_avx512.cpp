#include "cell_lanes.h"

namespace twin {
TWIN_CELLS(avx512)
}  // namespace twin
