// A loop over lanes is only turned into vector code when nothing in it is a call.
#pragma once

#define TWIN_INLINE inline __attribute__((always_inline))
