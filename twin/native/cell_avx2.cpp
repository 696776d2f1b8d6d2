#include "cell_lanes.h"

namespace twin {
TWIN_CELLS(avx2)
}  // namespace twin
