#include "passage_lanes.h"

namespace twin {
TWIN_PASSAGE(avx512)
}  // namespace twin
