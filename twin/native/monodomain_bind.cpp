// XLA FFI handlers of the monodomain equation's time loop: unpacking only.
#include <nanobind/nanobind.h>

#include "batch.h"
#include "monodomain.h"

namespace nb = nanobind;
namespace ffi = xla::ffi;
using twin::Batch;
using twin::CellKind;
using twin::run_batch;

namespace {

template <CellKind kind, ffi::DataType dtype>
ffi::Error March(ffi::ThreadPool pool, int64_t steps, bool mixed, double time_step,
                 double threshold, double recovery, double resting, double leak,
                 ffi::Buffer<dtype> cells, ffi::Buffer<dtype> marks, twin::Ints first_step,
                 ffi::Buffer<dtype> parameters, twin::Marks excitable, twin::Ints neighbours,
                 ffi::Buffer<dtype> strengths, ffi::Buffer<dtype> shares,
                 ffi::Buffer<dtype> onsets, ffi::Buffer<dtype> pulses,
                 ffi::ResultBuffer<dtype> cells_after, ffi::ResultBuffer<dtype> marks_after) try {
  using Real = ffi::NativeType<dtype>;
  const auto last = [](const auto& buffer, int64_t back) {
    return buffer.dimensions()[buffer.dimensions().size() - back];
  };
  const int64_t nodes = last(cells, 1), variables = last(cells, 2), most = last(neighbours, 2);
  const int64_t constants = last(parameters, 2), own_parameters = last(parameters, 1);
  const int64_t regions = last(onsets, 2), count = last(pulses, 1);
  const Batch batch(cells_after->dimensions(), 2);
  run_batch(pool, batch.size, [] { return twin::MonodomainSolver<Real>(); },
            [&](int64_t b, auto& solver, auto& crew) {
    const twin::Monodomain<Real> equation{
        nodes, variables, constants, most, regions, count, own_parameters,
        *batch.own(first_step, 0, 1, b), steps, mixed,
        static_cast<Real>(time_step), static_cast<Real>(threshold), static_cast<Real>(recovery),
        static_cast<Real>(resting), static_cast<Real>(leak),
        batch.own(cells, 2, variables * nodes, b),
        batch.own(marks, 2, 3 * nodes, b),
        batch.own(parameters, 2, constants * own_parameters, b),
        batch.own(excitable, 1, nodes, b),
        batch.own(neighbours, 2, most * nodes, b),
        batch.own(strengths, 2, most * nodes, b),
        batch.own(shares, 2, most * nodes, b),
        batch.own(onsets, 2, regions * nodes, b),
        batch.own(pulses, 2, 4 * count, b),
        cells_after->typed_data() + variables * nodes * b,
        marks_after->typed_data() + 3 * nodes * b};
    solver.run(kind, equation, crew);
  });
  return ffi::Error::Success();
} catch (const std::invalid_argument& fault) {
  return ffi::Error::InvalidArgument(fault.what());
}

#define TWIN_BIND(kind)                     \
  ffi::Ffi::Bind()                          \
      .Ctx<ffi::ThreadPool>()               \
      .Attr<int64_t>("steps")               \
      .Attr<bool>("mixed")                  \
      .Attr<double>("time_step")            \
      .Attr<double>("threshold")            \
      .Attr<double>("recovery")             \
      .Attr<double>("resting")              \
      .Attr<double>("leak")                 \
      .Arg<ffi::Buffer<ffi::kind>>()        \
      .Arg<ffi::Buffer<ffi::kind>>()        \
      .Arg<twin::Ints>()                    \
      .Arg<ffi::Buffer<ffi::kind>>()        \
      .Arg<twin::Marks>()                   \
      .Arg<twin::Ints>()                    \
      .Arg<ffi::Buffer<ffi::kind>>()        \
      .Arg<ffi::Buffer<ffi::kind>>()        \
      .Arg<ffi::Buffer<ffi::kind>>()        \
      .Arg<ffi::Buffer<ffi::kind>>()        \
      .Ret<ffi::Buffer<ffi::kind>>()        \
      .Ret<ffi::Buffer<ffi::kind>>()

#define TWIN_MONODOMAIN_HANDLER(name, model, kind) \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(name##kind, (March<CellKind::model, ffi::kind>), TWIN_BIND(kind))

}  // namespace

TWIN_MONODOMAIN_HANDLER(MarchTenTusscherPanfilov, ten_tusscher_panfilov, F32);
TWIN_MONODOMAIN_HANDLER(MarchTenTusscherPanfilov, ten_tusscher_panfilov, F64);
TWIN_MONODOMAIN_HANDLER(MarchCourtemanche, courtemanche, F32);
TWIN_MONODOMAIN_HANDLER(MarchCourtemanche, courtemanche, F64);
TWIN_MONODOMAIN_HANDLER(MarchModifiedMitchellSchaeffer, modified_mitchell_schaeffer, F32);
TWIN_MONODOMAIN_HANDLER(MarchModifiedMitchellSchaeffer, modified_mitchell_schaeffer, F64);

void add_monodomain(nb::dict& handlers) {
  const auto add = [&](const char* name, auto* handler) {
    handlers[name] = nb::capsule(reinterpret_cast<void*>(handler));
  };
  add("twin_monodomain_ten_tusscher_panfilov_float32", MarchTenTusscherPanfilovF32);
  add("twin_monodomain_ten_tusscher_panfilov_float64", MarchTenTusscherPanfilovF64);
  add("twin_monodomain_courtemanche_float32", MarchCourtemancheF32);
  add("twin_monodomain_courtemanche_float64", MarchCourtemancheF64);
  add("twin_monodomain_modified_mitchell_schaeffer_float32", MarchModifiedMitchellSchaefferF32);
  add("twin_monodomain_modified_mitchell_schaeffer_float64", MarchModifiedMitchellSchaefferF64);
}
