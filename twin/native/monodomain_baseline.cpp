#include "monodomain_lanes.h"

namespace twin {
TWIN_MONODOMAIN(baseline)
}  // namespace twin
