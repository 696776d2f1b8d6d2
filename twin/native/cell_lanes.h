// Cells by themselves, through many time steps. Compiled once for every instruction set; see
// eikonal_lanes.h.
#pragma once
#include "cell_courtemanche.h"
#include "cell_modified_mitchell_schaeffer.h"
#include "cell_ten_tusscher_panfilov.h"
#include "cells.h"

namespace twin {
namespace {

// Sixteen floats or eight doubles: one register of the widest set.
template <typename Real>
constexpr int kLanes = 64 / sizeof(Real);

// The `wanted` rows of one block of cells, from `from`; the last cell fills lanes beyond the end.
template <typename Real>
TWIN_INLINE void load(const Real* from, int64_t stride, int64_t wanted, int64_t first,
                      int64_t count, Real* block) {
  for (int64_t k = 0; k < wanted; ++k)
    for (int i = 0; i < kLanes<Real>; ++i)
      block[k * kLanes<Real> + i] = from[k * stride + first + (i < count ? i : count - 1)];
}

template <typename Model, typename Real>
void advance(const Pacing<Real>& p, int64_t block) {
  constexpr int kCells = kLanes<Real>;
  const int64_t first = block * kCells;
  const int64_t count = p.cells - first < kCells ? p.cells - first : kCells;
  alignas(64) Real state[Model::kVariables * kCells], parameters[Model::kParameters * kCells];
  alignas(64) Real stimulus[kCells];
  load(p.state, p.cells, Model::kVariables, first, count, state);
  const bool own = p.parameter_cells > 1, each = p.stimulus_cells > 1;
  load(p.parameters, p.parameter_cells, Model::kParameters, own ? first : 0, own ? count : 1,
       parameters);
  for (int64_t step = 0; step < p.steps; ++step) {
    if (step % p.every == 0)
      for (int64_t i = 0; i < count; ++i) p.trace[step / p.every * p.cells + first + i] = state[i];
    load(p.stimulus + step * p.stimulus_cells, 0, 1, each ? first : 0, each ? count : 1, stimulus);
    Model::template step<kCells>(state, kCells, parameters, kCells, stimulus, p.time_step);
  }
  for (int64_t k = 0; k < Model::kVariables; ++k)
    for (int64_t i = 0; i < count; ++i) p.result[k * p.cells + first + i] = state[k * kCells + i];
}

}  // namespace

#define TWIN_CELLS_OF(set, Real)                                            \
  void advance_##set(CellKind kind, const Pacing<Real>& p, int64_t block) { \
    switch (kind) {                                                         \
      case CellKind::ten_tusscher_panfilov:                                 \
        return advance<TenTusscherPanfilov<Real>>(p, block);                \
      case CellKind::courtemanche:                                          \
        return advance<Courtemanche<Real>>(p, block);                       \
      case CellKind::modified_mitchell_schaeffer:                           \
        return advance<ModifiedMitchellSchaeffer<Real>>(p, block);          \
    }                                                                       \
  }
#define TWIN_CELLS(set)     \
  TWIN_CELLS_OF(set, float) \
  TWIN_CELLS_OF(set, double)

}  // namespace twin
