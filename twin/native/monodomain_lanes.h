// A step of the monodomain equation for one block of nodes. Compiled once for every instruction set;
// see eikonal_lanes.h.
#pragma once
#include "cell_courtemanche.h"
#include "cell_modified_mitchell_schaeffer.h"
#include "cell_ten_tusscher_panfilov.h"
#include "monodomain.h"

namespace twin {
namespace {

template <typename Real>
constexpr int kNodes = 64 / sizeof(Real);  // one register of the widest set

// The nodes of a block; lanes beyond the last node repeat it.
struct Place {
  int64_t first, count;
  TWIN_INLINE Place(int64_t nodes, int64_t block, int lanes)
      : first(block * lanes), count(nodes - block * lanes < lanes ? nodes - block * lanes : lanes) {}
  TWIN_INLINE int64_t operator[](int i) const { return first + (i < count ? i : count - 1); }
};

// result = sum over neighbours of weight x (their value - the node's own), in the order of the rows.
template <typename Real>
TWIN_INLINE void over_neighbours(const Monodomain<Real>& m, const Real* weights, int64_t width,
                                 const Real* values, const Place& place, Real* result) {
  constexpr int kLanes = kNodes<Real>;
  Real own[kLanes], sum[kLanes];
  for (int i = 0; i < kLanes; ++i) own[i] = values[place[i]], sum[i] = 0;
  if (place.count == kLanes) {
    const int32_t* neighbours = m.neighbours + place.first;
    weights += place.first;
    for (int64_t k = 0; k < width; ++k, neighbours += m.nodes, weights += m.nodes) {
#pragma omp simd
      for (int i = 0; i < kLanes; ++i) sum[i] += weights[i] * (values[neighbours[i]] - own[i]);
    }
  } else {
    for (int64_t k = 0; k < width; ++k)
      for (int i = 0; i < kLanes; ++i) {
        const int64_t at = k * m.nodes + place[i];
        sum[i] += weights[at] * (values[m.neighbours[at]] - own[i]);
      }
  }
  for (int i = 0; i < kLanes; ++i) result[i] = sum[i];
}

template <typename Real>
void pack(const March<Real>& march, int64_t block) {
  const Monodomain<Real>& m = *march.equation;
  const Place place(m.nodes, block, kNodes<Real>);
  Real* state = march.state + block * m.variables * kNodes<Real>;
  for (int64_t k = 0; k < m.variables; ++k)
    for (int i = 0; i < kNodes<Real>; ++i)
      state[k * kNodes<Real> + i] = m.cells[k * m.nodes + place[i]];
}

template <typename Real>
void unpack(const March<Real>& march, int64_t block) {
  const Monodomain<Real>& m = *march.equation;
  const Place place(m.nodes, block, kNodes<Real>);
  const Real* state = march.state + block * m.variables * kNodes<Real>;
  for (int64_t k = 0; k < m.variables; ++k)
    for (int64_t i = 0; i < place.count; ++i)
      m.cells_after[k * m.nodes + place.first + i] = state[k * kNodes<Real> + i];
}

// The plain rate of diffusion, which a second pass corrects for the mass.
template <typename Real>
void diffuse(const March<Real>& march, int64_t block) {
  const Monodomain<Real>& m = *march.equation;
  const Place place(m.nodes, block, kNodes<Real>);
  over_neighbours(m, m.strengths, march.widths[block], march.before, place,
                  march.rates + place.first);
}

// Mean current during the step, mV/ms.
template <typename Real>
TWIN_INLINE void stimulate(const March<Real>& march, const Place& place, Real* current) {
  const Real step = march.equation->time_step;
  for (int i = 0; i < kNodes<Real>; ++i) current[i] = 0;
  for (int64_t p = 0; p < march.pulses; ++p) {
    const Pulse<Real>& pulse = march.active[p];
    for (int i = 0; i < kNodes<Real>; ++i) {
      const Real onset = pulse.onsets[place[i]] + pulse.start, end = onset + pulse.duration;
      const Real first = march.time > onset ? march.time : onset;
      const Real last = march.time + step < end ? march.time + step : end;
      current[i] += pulse.amplitude * (last > first ? last - first : 0) / step;
    }
  }
}

// Moments at which a potential crossed its thresholds.
template <typename Real>
TWIN_INLINE void mark(const March<Real>& march, const Place& place, const Real* before,
                      const Real* after) {
  const Monodomain<Real>& m = *march.equation;
  int crossings = 0;
  for (int i = 0; i < kNodes<Real>; ++i)
    crossings += ((before[i] < m.threshold) & (after[i] >= m.threshold)) |
                 ((before[i] >= m.recovery) & (after[i] < m.recovery));
  if (crossings == 0) return;
  Real *first = march.marks, *last = first + m.nodes, *recovered = last + m.nodes;
  for (int i = 0; i < place.count; ++i) {
    const int64_t node = place.first + i;
    const auto moment = [&](Real level) {
      return march.time + m.time_step * (level - before[i]) / (after[i] - before[i]);
    };
    if (before[i] < m.threshold && after[i] >= m.threshold) {
      last[node] = moment(m.threshold);
      if (first[node] == Real(INFINITY)) first[node] = last[node];
    }
    if (before[i] >= m.recovery && after[i] < m.recovery) recovered[node] = moment(m.recovery);
  }
}

// The membrane's part of a step; nodes that are not excitable leak to rest and keep the rest.
template <typename Real, typename Model>
TWIN_INLINE void react(const Monodomain<Real>& m, const Place& place, const Real* current,
                       Real* state) {
  constexpr int kLanes = kNodes<Real>, kSize = Model::kVariables * kLanes;
  int excitable = 0;
  for (int i = 0; i < kLanes; ++i) excitable += m.excitable[place[i]];
  alignas(64) Real kept[kSize];
  if (excitable < kLanes)
    for (int i = 0; i < kSize; ++i) kept[i] = state[i];
  if (excitable > 0) {
    alignas(64) Real own[Model::kParameters * kLanes];
    const bool each = m.parameter_nodes > 1;
    for (int k = 0; k < Model::kParameters; ++k)
      for (int i = 0; i < kLanes; ++i)
        own[k * kLanes + i] = m.parameters[k * m.parameter_nodes + (each ? place[i] : 0)];
    Model::template step<kLanes>(state, kLanes, own, kLanes, current, m.time_step);
  }
  if (excitable == kLanes) return;
  for (int i = 0; i < kLanes; ++i) {
    if (m.excitable[place[i]]) continue;
    for (int k = 0; k < Model::kVariables; ++k) state[k * kLanes + i] = kept[k * kLanes + i];
    state[i] += m.time_step / m.leak * (m.resting - state[i]);
  }
}

template <typename Model, typename Real>
void step(const March<Real>& march, int64_t block) {
  constexpr int kLanes = kNodes<Real>;
  const Monodomain<Real>& m = *march.equation;
  const Place place(m.nodes, block, kLanes);
  Real* state = march.state + block * Model::kVariables * kLanes;
  alignas(64) Real rate[kLanes], current[kLanes], before[kLanes];
  const Real* values = m.mixed ? march.rates : march.before;
  over_neighbours(m, m.mixed ? m.shares : m.strengths, march.widths[block], values, place, rate);
  if (m.mixed)
    for (int i = 0; i < kLanes; ++i) rate[i] = march.rates[place[i]] - rate[i];
  stimulate(march, place, current);
  for (int i = 0; i < kLanes; ++i) before[i] = state[i];
  react<Real, Model>(m, place, current, state);
  for (int i = 0; i < kLanes; ++i) state[i] += m.time_step * rate[i];
  for (int i = 0; i < kLanes; ++i) march.after[place.first + i] = state[i];
  mark(march, place, before, state);
}

}  // namespace

#define TWIN_MONODOMAIN_OF(set, Real)                                                        \
  void monodomain_pack_##set(const March<Real>& march, int64_t block) { pack(march, block); } \
  void monodomain_unpack_##set(const March<Real>& march, int64_t block) {                    \
    unpack(march, block);                                                                    \
  }                                                                                          \
  void monodomain_diffuse_##set(const March<Real>& march, int64_t block) {                   \
    diffuse(march, block);                                                                   \
  }                                                                                          \
  void monodomain_step_##set(CellKind kind, const March<Real>& march, int64_t block) {       \
    switch (kind) {                                                                          \
      case CellKind::ten_tusscher_panfilov:                                                  \
        return step<TenTusscherPanfilov<Real>>(march, block);                                \
      case CellKind::courtemanche:                                                           \
        return step<Courtemanche<Real>>(march, block);                                       \
      case CellKind::modified_mitchell_schaeffer:                                            \
        return step<ModifiedMitchellSchaeffer<Real>>(march, block);                          \
    }                                                                                        \
  }
#define TWIN_MONODOMAIN(set)     \
  TWIN_MONODOMAIN_OF(set, float) \
  TWIN_MONODOMAIN_OF(set, double)

}  // namespace twin
