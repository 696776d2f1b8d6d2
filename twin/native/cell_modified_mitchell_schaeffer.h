// One step of the modified Mitchell-Schaeffer membrane (Corrado and Niederer, 2016), for a block of
// cells.
//
// The same equations as simulation/ionic/modified_mitchell_schaeffer.py; how they are laid out is
// as in cell_ten_tusscher_panfilov.h.
#pragma once
#include "cell_math.h"

namespace twin {
namespace {

template <typename Real>
struct ModifiedMitchellSchaeffer {
  static constexpr int kVariables = 2, kParameters = 7;
  enum Parameter { kIn, kOut, kOpen, kClose, kGate, kResting, kAmplitude };
  enum Variable { V, H };

  // The cells `dt` ms later; `stimulus` in mV/ms depolarises when positive.
  template <int Lanes>
  static TWIN_INLINE void step(Real* __restrict__ state, int64_t stride,
                               const Real* __restrict__ parameters, int64_t parameter_stride,
                               const Real* __restrict__ stimulus, Real dt) {
#pragma omp simd
    for (int i = 0; i < Lanes; ++i) {
      Real *s = state + i;
      const Real* g = parameters + i;
      const int64_t n = stride, pn = parameter_stride;
      const Real amplitude = g[kAmplitude * pn], gate = g[kGate * pn], h = s[H * n];
      const Real v = (s[V * n] - g[kResting * pn]) / amplitude;
      const Real inward = h * v * (v - gate) * (1 - v) / g[kIn * pn];
      const Real current = amplitude * ((1 - h) * v / g[kOut * pn] - inward);
      const Real opened = h + (1 - h) * decay(dt / g[kOpen * pn]);
      const Real closed = h - h * decay(dt / g[kClose * pn]);
      s[H * n] = v < gate ? opened : closed;
      s[V * n] += dt * (stimulus[i] - current);
    }
  }
};

}  // namespace
}  // namespace twin
