#include "cell_lanes.h"

namespace twin {
TWIN_CELLS(baseline)
}  // namespace twin
