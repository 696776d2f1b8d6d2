#include "monodomain_lanes.h"

namespace twin {
TWIN_MONODOMAIN(avx2)
}  // namespace twin
