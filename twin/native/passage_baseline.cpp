#include "passage_lanes.h"

namespace twin {
TWIN_PASSAGE(baseline)
}  // namespace twin
