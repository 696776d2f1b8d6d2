// XLA FFI handlers of the passage kernels: unpacking only.
#include <nanobind/nanobind.h>

#include "batch.h"
#include "passage.h"

namespace nb = nanobind;
namespace ffi = xla::ffi;
using twin::Batch;
using twin::Ints;
using twin::run_batch;

namespace {

template <typename Real>
twin::Passage<Real> passage_of(int64_t nodes, int64_t bins, Ints tetrahedra, const Real* weights,
                               double bin_width) {
  return {nodes,   static_cast<int64_t>(tetrahedra.element_count() / 4),
          bins,    tetrahedra.typed_data(),
          weights, static_cast<Real>(bin_width)};
}

constexpr int64_t kLeads = twin::kLeads;

template <ffi::DataType dtype>
ffi::Error Pass(ffi::ThreadPool pool, double bin_width, ffi::Buffer<dtype> times,
                ffi::Buffer<dtype> weights, Ints tetrahedra, ffi::ResultBuffer<dtype> sums,
                ffi::ResultBuffer<dtype> totals) try {
  using Real = ffi::NativeType<dtype>;
  const int64_t nodes = times.dimensions().back(), size = 8 * int64_t(tetrahedra.element_count());
  const auto shape = sums->dimensions();
  const int64_t bins = shape[shape.size() - 2];
  const Batch batch(shape, 2);
  run_batch(pool, batch.size, [] { return twin::PassageSolver<Real>(); },
            [&](int64_t b, auto& solver, auto& crew) {
    const Real* w = batch.own(weights, 3, size, b);
    solver.solve(passage_of(nodes, bins, tetrahedra, w, bin_width), batch.own(times, 1, nodes, b),
                 sums->typed_data() + kLeads * bins * b, totals->typed_data() + kLeads * nodes * b,
                 crew);
  });
  return ffi::Error::Success();
} catch (const std::invalid_argument& fault) {
  return ffi::Error::InvalidArgument(fault.what());
}

template <ffi::DataType dtype>
ffi::Error PassTimes(ffi::ThreadPool pool, double bin_width, ffi::Buffer<dtype> times,
                     ffi::Buffer<dtype> weights, Ints tetrahedra, ffi::Buffer<dtype> by_sums,
                     ffi::ResultBuffer<dtype> by_times) {
  using Real = ffi::NativeType<dtype>;
  const int64_t nodes = times.dimensions().back(), size = 8 * int64_t(tetrahedra.element_count());
  const auto shape = by_sums.dimensions();
  const int64_t bins = shape[shape.size() - 2];
  const Batch batch(by_times->dimensions(), 1);
  run_batch(pool, batch.size, [] { return twin::PassageSolver<Real>(); },
            [&](int64_t b, auto& solver, auto& crew) {
    const Real* w = batch.own(weights, 3, size, b);
    solver.by_times(passage_of(nodes, bins, tetrahedra, w, bin_width),
                    batch.own(times, 1, nodes, b), batch.own(by_sums, 2, kLeads * bins, b),
                    by_times->typed_data() + nodes * b, crew);
  });
  return ffi::Error::Success();
}

template <ffi::DataType dtype>
ffi::Error PassWeights(ffi::ThreadPool pool, double bin_width, ffi::Buffer<dtype> times,
                       Ints tetrahedra, ffi::Buffer<dtype> by_sums, ffi::Buffer<dtype> by_totals,
                       ffi::ResultBuffer<dtype> by_weights) {
  using Real = ffi::NativeType<dtype>;
  const int64_t nodes = times.dimensions().back(), size = 8 * int64_t(tetrahedra.element_count());
  const auto shape = by_sums.dimensions();
  const int64_t bins = shape[shape.size() - 2];
  const Batch batch(by_weights->dimensions(), 3);
  run_batch(pool, batch.size, [] { return twin::PassageSolver<Real>(); },
            [&](int64_t b, auto& solver, auto& crew) {
    solver.by_weights(passage_of<Real>(nodes, bins, tetrahedra, nullptr, bin_width),
                      batch.own(times, 1, nodes, b), batch.own(by_sums, 2, kLeads * bins, b),
                      batch.own(by_totals, 2, kLeads * nodes, b),
                      by_weights->typed_data() + size * b, crew);
  });
  return ffi::Error::Success();
}

#define TWIN_BIND ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<double>("bin_width")

#define TWIN_PASSAGE_HANDLERS(kind)                                                              \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(Pass##kind, Pass<ffi::kind>,                                     \
                                TWIN_BIND.Arg<ffi::Buffer<ffi::kind>>()                          \
                                    .Arg<ffi::Buffer<ffi::kind>>().Arg<Ints>()                   \
                                    .Ret<ffi::Buffer<ffi::kind>>().Ret<ffi::Buffer<ffi::kind>>()); \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(PassTimes##kind, PassTimes<ffi::kind>,                           \
                                TWIN_BIND.Arg<ffi::Buffer<ffi::kind>>()                          \
                                    .Arg<ffi::Buffer<ffi::kind>>().Arg<Ints>()                   \
                                    .Arg<ffi::Buffer<ffi::kind>>().Ret<ffi::Buffer<ffi::kind>>()); \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(PassWeights##kind, PassWeights<ffi::kind>,                       \
                                TWIN_BIND.Arg<ffi::Buffer<ffi::kind>>().Arg<Ints>()              \
                                    .Arg<ffi::Buffer<ffi::kind>>().Arg<ffi::Buffer<ffi::kind>>() \
                                    .Ret<ffi::Buffer<ffi::kind>>())

}  // namespace

TWIN_PASSAGE_HANDLERS(F32);
TWIN_PASSAGE_HANDLERS(F64);

void add_passage(nb::dict& handlers) {
  const auto add = [&](const char* name, auto* handler) {
    handlers[name] = nb::capsule(reinterpret_cast<void*>(handler));
  };
  add("twin_passage_float32", PassF32);
  add("twin_passage_float64", PassF64);
  add("twin_passage_times_float32", PassTimesF32);
  add("twin_passage_times_float64", PassTimesF64);
  add("twin_passage_weights_float32", PassWeightsF32);
  add("twin_passage_weights_float64", PassWeightsF64);
}
