// XLA FFI handlers of the cell models' kernels: unpacking only.
#include <nanobind/nanobind.h>

#include "batch.h"
#include "cells.h"

namespace nb = nanobind;
namespace ffi = xla::ffi;
using twin::Batch;
using twin::CellKind;
using twin::run_batch;

namespace {

template <CellKind kind, ffi::DataType dtype>
ffi::Error Advance(ffi::ThreadPool pool, double time_step, int64_t every, ffi::Buffer<dtype> state,
                   ffi::Buffer<dtype> parameters, ffi::Buffer<dtype> stimulus,
                   ffi::ResultBuffer<dtype> result, ffi::ResultBuffer<dtype> trace) try {
  using Real = ffi::NativeType<dtype>;
  const auto last = [](const auto& buffer, int64_t back) {
    return buffer.dimensions()[buffer.dimensions().size() - back];
  };
  const int64_t cells = last(state, 1), variables = last(state, 2);
  const int64_t own_parameters = last(parameters, 1), own_stimulus = last(stimulus, 1);
  const int64_t constants = last(parameters, 2), steps = last(stimulus, 2);
  const int64_t samples = (steps + every - 1) / every;
  const Batch batch(result->dimensions(), 2);
  run_batch(pool, batch.size, [] { return 0; }, [&](int64_t b, auto&, auto& crew) {
    const twin::Pacing<Real> pacing{
        cells,
        steps,
        every,
        own_parameters,
        own_stimulus,
        static_cast<Real>(time_step),
        batch.own(state, 2, variables * cells, b),
        batch.own(parameters, 2, constants * own_parameters, b),
        batch.own(stimulus, 2, steps * own_stimulus, b),
        result->typed_data() + variables * cells * b,
        trace->typed_data() + samples * cells * b};
    twin::advance_cells(kind, pacing, crew);
  });
  return ffi::Error::Success();
} catch (const std::invalid_argument& fault) {
  return ffi::Error::InvalidArgument(fault.what());
}

#define TWIN_BIND \
  ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<double>("time_step").Attr<int64_t>("every")

#define TWIN_CELL_HANDLER(name, model, kind)                                             \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(name##kind, (Advance<CellKind::model, ffi::kind>),       \
                                TWIN_BIND.Arg<ffi::Buffer<ffi::kind>>()                  \
                                    .Arg<ffi::Buffer<ffi::kind>>()                       \
                                    .Arg<ffi::Buffer<ffi::kind>>()                       \
                                    .Ret<ffi::Buffer<ffi::kind>>()                       \
                                    .Ret<ffi::Buffer<ffi::kind>>())

}  // namespace

TWIN_CELL_HANDLER(AdvanceTenTusscherPanfilov, ten_tusscher_panfilov, F32);
TWIN_CELL_HANDLER(AdvanceTenTusscherPanfilov, ten_tusscher_panfilov, F64);
TWIN_CELL_HANDLER(AdvanceCourtemanche, courtemanche, F32);
TWIN_CELL_HANDLER(AdvanceCourtemanche, courtemanche, F64);
TWIN_CELL_HANDLER(AdvanceModifiedMitchellSchaeffer, modified_mitchell_schaeffer, F32);
TWIN_CELL_HANDLER(AdvanceModifiedMitchellSchaeffer, modified_mitchell_schaeffer, F64);

void add_cells(nb::dict& handlers) {
  const auto add = [&](const char* name, auto* handler) {
    handlers[name] = nb::capsule(reinterpret_cast<void*>(handler));
  };
  add("twin_ten_tusscher_panfilov_float32", AdvanceTenTusscherPanfilovF32);
  add("twin_ten_tusscher_panfilov_float64", AdvanceTenTusscherPanfilovF64);
  add("twin_courtemanche_float32", AdvanceCourtemancheF32);
  add("twin_courtemanche_float64", AdvanceCourtemancheF64);
  add("twin_modified_mitchell_schaeffer_float32", AdvanceModifiedMitchellSchaefferF32);
  add("twin_modified_mitchell_schaeffer_float64", AdvanceModifiedMitchellSchaefferF64);
}
