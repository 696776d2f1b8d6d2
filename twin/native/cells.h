// Cells that are paced by themselves, many at once: each block of cells is one thread's work, so
// the same bits come of any number of threads.
#pragma once
#include <cstdint>

#include "instructions.h"
#include "parallel.h"

namespace twin {

enum class CellKind { ten_tusscher_panfilov, courtemanche, modified_mitchell_schaeffer };

// Rows of `cells` numbers each, but for parameters and stimulus, which may be one for all cells.
template <typename Real>
struct Pacing {
  int64_t cells, steps, every, parameter_cells, stimulus_cells;
  Real time_step;
  const Real *state, *parameters, *stimulus;  // stimulus: a row a step, mV/ms
  Real *result, *trace;                       // trace: the potential before every `every`-th step
};

#define TWIN_DECLARE_CELLS_OF(set, Real) \
  void advance_##set(CellKind, const Pacing<Real>&, int64_t block);
#define TWIN_DECLARE_CELLS(set)     \
  TWIN_DECLARE_CELLS_OF(set, float) \
  TWIN_DECLARE_CELLS_OF(set, double)
TWIN_DECLARE_CELLS(baseline)
#ifdef TWIN_X86
TWIN_DECLARE_CELLS(avx2)
TWIN_DECLARE_CELLS(avx512)
#endif
#undef TWIN_DECLARE_CELLS
#undef TWIN_DECLARE_CELLS_OF

template <typename Real>
using AdvanceCells = void (*)(CellKind, const Pacing<Real>&, int64_t block);

template <typename Real>
AdvanceCells<Real> choose_cells() {
  switch (choose_instructions()) {
#ifdef TWIN_X86
    case Instructions::avx512:
      return advance_avx512;
    case Instructions::avx2:
      return advance_avx2;
#endif
    default:
      return advance_baseline;
  }
}

template <typename Real>
void advance_cells(CellKind kind, const Pacing<Real>& p, Crew& crew) {
  const AdvanceCells<Real> advance = choose_cells<Real>();
  constexpr int64_t kBlock = 64 / sizeof(Real);
  crew.run((p.cells + kBlock - 1) / kBlock, [&](int64_t block, int) { advance(kind, p, block); });
}

}  // namespace twin
