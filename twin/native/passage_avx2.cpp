#include "passage_lanes.h"

namespace twin {
TWIN_PASSAGE(avx2)
}  // namespace twin
