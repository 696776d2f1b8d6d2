#include "monodomain_lanes.h"

namespace twin {
TWIN_MONODOMAIN(avx512)
}  // namespace twin
