// The monodomain equation in time: dV/dt = diffusion - ionic current + stimulus, by forward Euler in
// the potential and whatever the cell model does in its other variables.
//
// Nodes are worked off in blocks of lanes. A block writes its own nodes alone and reads the
// potentials of the step before, so any number of threads gives the same bits.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "buffer.h"
#include "cells.h"
#include "instructions.h"
#include "parallel.h"

namespace twin {

// Rows of `nodes` numbers each, but for parameters, which may be one for all nodes.
template <typename Real>
struct Monodomain {
  int64_t nodes, variables, constants, most, regions, pulses, parameter_nodes, first_step, steps;
  bool mixed;
  Real time_step, threshold, recovery, resting, leak;
  const Real* cells;
  const Real* marks;       // first and last activation, last recovery, ms
  const Real* parameters;
  const bool* excitable;
  const int32_t* neighbours;
  const Real *strengths, *shares;  // see simulation/reaction_diffusion/diffusion.py
  const Real* onsets;
  const Real* pulse_table;  // rows: region, start, duration, amplitude
  Real *cells_after, *marks_after;
};

template <typename Real>
struct Pulse {
  const Real* onsets;
  Real start, duration, amplitude, earliest, latest;
};

// What the inner loops need beside the equation.
template <typename Real>
struct March {
  const Monodomain<Real>* equation;
  Real* state;             // block after block: variables x lanes
  const Real* before;      // potentials of the step before
  Real *after, *rates, *marks;
  const int32_t* widths;   // of each block: neighbours that any of its nodes has
  const Pulse<Real>* active;
  int64_t pulses;
  Real time;
};

#define TWIN_DECLARE_MONODOMAIN_OF(set, Real)                               \
  void monodomain_pack_##set(const March<Real>&, int64_t block);            \
  void monodomain_unpack_##set(const March<Real>&, int64_t block);          \
  void monodomain_diffuse_##set(const March<Real>&, int64_t block);         \
  void monodomain_step_##set(CellKind, const March<Real>&, int64_t block);
#define TWIN_DECLARE_MONODOMAIN(set)     \
  TWIN_DECLARE_MONODOMAIN_OF(set, float) \
  TWIN_DECLARE_MONODOMAIN_OF(set, double)
TWIN_DECLARE_MONODOMAIN(baseline)
#ifdef TWIN_X86
TWIN_DECLARE_MONODOMAIN(avx2)
TWIN_DECLARE_MONODOMAIN(avx512)
#endif
#undef TWIN_DECLARE_MONODOMAIN
#undef TWIN_DECLARE_MONODOMAIN_OF

template <typename Real>
struct MonodomainLanes {
  void (*pack)(const March<Real>&, int64_t);
  void (*unpack)(const March<Real>&, int64_t);
  void (*diffuse)(const March<Real>&, int64_t);
  void (*step)(CellKind, const March<Real>&, int64_t);
};

template <typename Real>
MonodomainLanes<Real> choose_monodomain() {
  switch (choose_instructions()) {
#ifdef TWIN_X86
    case Instructions::avx512:
      return {monodomain_pack_avx512, monodomain_unpack_avx512, monodomain_diffuse_avx512,
              monodomain_step_avx512};
    case Instructions::avx2:
      return {monodomain_pack_avx2, monodomain_unpack_avx2, monodomain_diffuse_avx2,
              monodomain_step_avx2};
#endif
    default:
      return {monodomain_pack_baseline, monodomain_unpack_baseline, monodomain_diffuse_baseline,
              monodomain_step_baseline};
  }
}

template <typename Real>
class MonodomainSolver {
 public:
  void run(CellKind kind, const Monodomain<Real>& m, Crew& crew) {
    const MonodomainLanes<Real> lanes = choose_monodomain<Real>();
    const int64_t blocks = (m.nodes + kBlock - 1) / kBlock, padded = blocks * kBlock;
    Buffer<Real> state(padded * m.variables), one(padded), other(padded);
    Buffer<Real> rates(m.mixed ? padded : 1);
    const std::vector<int32_t> widths = widths_of(m, blocks);
    const std::vector<Pulse<Real>> pulses = pulses_of(m);
    std::vector<Pulse<Real>> active;
    std::copy_n(m.marks, 3 * m.nodes, m.marks_after);
    March<Real> march{&m, state.data(), one.data(), other.data(), rates.data(), m.marks_after,
                      widths.data(), nullptr, 0, 0};
    over(crew, blocks, [&](int64_t block) { lanes.pack(march, block); });
    std::copy_n(m.cells, m.nodes, one.data());
    Real *before = one.data(), *after = other.data();
    for (int64_t step = 0; step < m.steps; ++step) {
      march.time = Real(m.first_step + step) * m.time_step;
      active.clear();
      for (const auto& pulse : pulses)
        if (pulse.earliest < march.time + m.time_step && pulse.latest > march.time)
          active.push_back(pulse);
      march.active = active.data(), march.pulses = int64_t(active.size());
      march.before = before, march.after = after;
      if (m.mixed) over(crew, blocks, [&](int64_t block) { lanes.diffuse(march, block); });
      over(crew, blocks, [&](int64_t block) { lanes.step(kind, march, block); });
      std::swap(before, after);
    }
    over(crew, blocks, [&](int64_t block) { lanes.unpack(march, block); });
  }

 private:
  static constexpr int64_t kBlock = 64 / sizeof(Real), kBlocksAtOnce = 32;

  template <typename Work>
  static void over(Crew& crew, int64_t blocks, const Work& work) {
    crew.run((blocks + kBlocksAtOnce - 1) / kBlocksAtOnce, [&](int64_t chunk, int) {
      const int64_t end = std::min(blocks, (chunk + 1) * kBlocksAtOnce);
      for (int64_t block = chunk * kBlocksAtOnce; block < end; ++block) work(block);
    });
  }

  static std::vector<int32_t> widths_of(const Monodomain<Real>& m, int64_t blocks) {
    std::vector<int32_t> widths(blocks, 0);
    for (int64_t k = 0; k < m.most; ++k)
      for (int64_t i = 0; i < m.nodes; ++i)
        if (m.neighbours[k * m.nodes + i] != i) widths[i / kBlock] = int32_t(k + 1);
    return widths;
  }

  // Each with the first and last moment at which it gives current to any node.
  static std::vector<Pulse<Real>> pulses_of(const Monodomain<Real>& m) {
    std::vector<Pulse<Real>> pulses;
    for (int64_t p = 0; p < m.pulses; ++p) {
      const auto entry = [&](int row) { return m.pulse_table[row * m.pulses + p]; };
      const Real* onsets = m.onsets + int64_t(entry(0)) * m.nodes;
      Real low = INFINITY, high = -INFINITY;
      for (int64_t i = 0; i < m.nodes; ++i)
        if (onsets[i] < Real(INFINITY))
          low = std::min(low, onsets[i]), high = std::max(high, onsets[i]);
      pulses.push_back({onsets, entry(1), entry(2), entry(3), entry(1) + low,
                        entry(1) + high + entry(2)});
    }
    return pulses;
  }
};

}  // namespace twin
