// XLA FFI handlers of the eikonal kernels: unpacking only.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <string>

#include "batch.h"
#include "eikonal.h"
#include "eikonal_adjoint.h"
#include "eikonal_batch.h"
#include "eikonal_front.h"
#include "eikonal_rays.h"

namespace nb = nanobind;
namespace ffi = xla::ffi;
using twin::Batch;
using twin::Ints;
using twin::Marks;
using twin::Bytes;
using twin::run_batch;

namespace {

// The mesh, as arrivals.py hands it over: the same for all scenarios.
template <ffi::DataType dtype>
struct Mesh {
  using Real = ffi::NativeType<dtype>;
  twin::Rings rings;
  const int32_t* corners;
  const Real* spans;
  const bool* absent;
  const int32_t* order;

  Mesh(Ints start, Ints slots, Bytes places, Ints neighbour_start, Ints neighbours,
       Ints corners, ffi::Buffer<dtype> spans, Marks absent, Ints order)
      : rings{static_cast<int64_t>(start.element_count()) - 1,
              static_cast<int64_t>(order.element_count()),
              start.typed_data(),
              slots.typed_data(),
              places.typed_data(),
              neighbour_start.typed_data(),
              neighbours.typed_data()},
        corners(corners.typed_data()),
        spans(spans.typed_data()),
        absent(absent.element_count() ? absent.typed_data() : nullptr),
        order(order.typed_data()) {}

  twin::Metric<Real> metric(const Real* speeds, const bool* blocked) const {
    return {rings.elements, spans, absent, order, speeds, blocked};
  }
};

template <ffi::DataType dtype>
ffi::Error Solve(ffi::ThreadPool pool, Ints start, Ints slots, Bytes places, Ints neighbour_start,
                 Ints neighbours, Ints corners, ffi::Buffer<dtype> spans,
                 Marks absent, Ints order, ffi::Buffer<dtype> speeds, Marks blocked,
                 ffi::Buffer<dtype> begin, ffi::ResultBuffer<dtype> times,
                 ffi::ResultBuffer<ffi::S32> winners) try {
  using Real = ffi::NativeType<dtype>;
  const Mesh<dtype> mesh(start, slots, places, neighbour_start, neighbours, corners, spans,
                         absent, order);
  const int64_t nodes = mesh.rings.nodes, elements = mesh.rings.elements;
  if (begin.dimensions().back() != nodes)
    return ffi::Error::InvalidArgument("eikonal: the rings are of another mesh than the times");
  const Batch batch(times->dimensions(), 1);
  twin::Together<Real> all{mesh.rings, {}, {}, {}, {}};
  for (int64_t b = 0; b < batch.size; ++b) {
    all.metrics.push_back(
        mesh.metric(batch.own(speeds, 2, 3 * elements, b), batch.own(blocked, 1, elements, b)));
    all.begin.push_back(batch.own(begin, 1, nodes, b));
    all.times.push_back(times->typed_data() + nodes * b);
    all.winners.push_back(winners->typed_data() + nodes * b);
  }
  if (all.share_lanes()) {
    twin::Crew crew(twin::crew_size(pool) - 1, twin::schedule_on(pool));
    all.solve(crew);
    return ffi::Error::Success();
  }
  run_batch(pool, batch.size, [&] { return twin::Eikonal<Real>(mesh.rings); },
            [&](int64_t b, auto& solver, auto& crew) {
    std::copy(all.begin[b], all.begin[b] + nodes, all.times[b]);
    solver.solve(all.metrics[b], all.times[b], all.winners[b], crew);
  });
  return ffi::Error::Success();
} catch (const std::invalid_argument& fault) {
  return ffi::Error::InvalidArgument(fault.what());
}

template <ffi::DataType dtype>
ffi::Error Adjoint(ffi::ThreadPool pool, Ints start, Ints slots, Bytes places,
                   Ints neighbour_start, Ints neighbours, Ints corners,
                   ffi::Buffer<dtype> spans, Marks absent, Ints order, ffi::Buffer<dtype> speeds,
                   Marks blocked, ffi::Buffer<dtype> times, Ints winners,
                   ffi::Buffer<dtype> seeds, ffi::ResultBuffer<dtype> by_begin,
                   ffi::ResultBuffer<dtype> by_speeds) {
  using Real = ffi::NativeType<dtype>;
  const Mesh<dtype> mesh(start, slots, places, neighbour_start, neighbours, corners, spans,
                         absent, order);
  const int64_t nodes = mesh.rings.nodes, elements = mesh.rings.elements;
  const Batch batch(by_begin->dimensions(), 1);
  run_batch(pool, batch.size, [&] { return twin::EikonalAdjoint<Real>(mesh.rings); },
            [&](int64_t b, auto& solver, auto& crew) {
    const auto metric = mesh.metric(batch.own(speeds, 2, 3 * elements, b), batch.own(blocked, 1, elements, b));
    solver.solve(mesh.corners, metric, batch.own(times, 1, nodes, b), batch.own(winners, 1, nodes, b),
                 batch.own(seeds, 1, nodes, b), by_begin->typed_data() + nodes * b,
                 by_speeds->typed_data() + 3 * elements * b, crew);
  });
  return ffi::Error::Success();
}

#define TWIN_BIND_MESH(kind)                                                  \
  ffi::Ffi::Bind()                                                            \
      .Ctx<ffi::ThreadPool>()                                                 \
      .Arg<Ints>().Arg<Ints>().Arg<Bytes>()                                   \
      .Arg<Ints>().Arg<Ints>().Arg<Ints>()                        \
      .Arg<ffi::Buffer<ffi::kind>>().Arg<Marks>().Arg<Ints>()                 \
      .Arg<ffi::Buffer<ffi::kind>>().Arg<Marks>()

#define TWIN_EIKONAL(kind)                                                    \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(EikonalSolve##kind, Solve<ffi::kind>,         \
                                TWIN_BIND_MESH(kind)                          \
                                    .Arg<ffi::Buffer<ffi::kind>>()            \
                                    .Ret<ffi::Buffer<ffi::kind>>()            \
                                    .Ret<Ints>());                            \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(EikonalAdjoint##kind, Adjoint<ffi::kind>,     \
                                TWIN_BIND_MESH(kind)                          \
                                    .Arg<ffi::Buffer<ffi::kind>>()            \
                                    .Arg<Ints>()                              \
                                    .Arg<ffi::Buffer<ffi::kind>>()            \
                                    .Ret<ffi::Buffer<ffi::kind>>()            \
                                    .Ret<ffi::Buffer<ffi::kind>>())

template <typename Number>
nb::ndarray<nb::numpy, Number> to_numpy(std::vector<Number>&& values) {
  auto* kept = new std::vector<Number>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Number>*>(p); });
  return nb::ndarray<nb::numpy, Number>(kept->data(), {kept->size()}, owner);
}

using Points = nb::ndarray<const double, nb::shape<-1, 3>, nb::c_contig>;
using Elements = nb::ndarray<const int32_t, nb::shape<-1, 4>, nb::c_contig>;
using Numbers = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig>;

nb::dict prepare(Points points, Elements elements) {
  twin::Front front;
  {
    nb::gil_scoped_release release;
    front = twin::prepare_front(points.data(), points.shape(0), elements.data(), elements.shape(0));
  }
  nb::dict d;
  d["node_order"] = to_numpy(std::move(front.node_order));
  d["element_order"] = to_numpy(std::move(front.element_order));
  d["corners"] = to_numpy(std::move(front.corners));
  d["start"] = to_numpy(std::move(front.start));
  d["slots"] = to_numpy(std::move(front.slots));
  d["neighbour_start"] = to_numpy(std::move(front.neighbour_start));
  d["places"] = to_numpy(std::move(front.places));
  d["neighbours"] = to_numpy(std::move(front.neighbours));
  return d;
}

template <typename Real>
using Vectors = nb::ndarray<const Real, nb::shape<-1, 3>, nb::c_contig>;

// Extents of an ordered mesh's edges along one axis of its elements.
template <typename Real>
nb::ndarray<nb::numpy, Real> spans(Vectors<Real> points, Elements corners, Numbers order,
                                   Vectors<Real> axis) {
  std::vector<Real> extents(3 * corners.shape(0));
  {
    nb::gil_scoped_release release;
    twin::measure_spans(points.data(), points.shape(0), corners.data(), order.data(),
                        corners.shape(0), axis.data(), extents.data());
  }
  return to_numpy(std::move(extents));
}

// Ways from a place (or from a node, where `node` >= 0) to the nodes around it; none at all where
// the place lies in no tetrahedron.
nb::dict trace(Points points, Elements corners, Numbers start, Numbers slots, Points place,
               int32_t node, double radius) {
  const twin::Rings rings{static_cast<int64_t>(points.shape(0)),
                          static_cast<int64_t>(corners.shape(0)),
                          start.data(),
                          slots.data(),
                          nullptr,
                          nullptr,
                          nullptr};
  const twin::RayTracer tracer(rings, corners.data(), points.data());
  twin::Rays rays;
  int32_t element = -1;
  {
    nb::gil_scoped_release release;
    if (node < 0) element = tracer.locate(place.data());
    if (node >= 0 || element >= 0)
      rays = tracer.trace(place.data(), element, node, radius);
  }
  nb::dict d;
  d["element"] = element;
  d["nodes"] = to_numpy(std::move(rays.nodes));
  d["counts"] = to_numpy(std::move(rays.counts));
  d["elements"] = to_numpy(std::move(rays.elements));
  d["planes"] = to_numpy(std::move(rays.planes));
  return d;
}

}  // namespace

TWIN_EIKONAL(F32);
TWIN_EIKONAL(F64);

void add_eikonal(nb::module_& m, nb::dict& handlers) {
  handlers["twin_eikonal_solve_float32"] = nb::capsule(reinterpret_cast<void*>(EikonalSolveF32));
  handlers["twin_eikonal_solve_float64"] = nb::capsule(reinterpret_cast<void*>(EikonalSolveF64));
  handlers["twin_eikonal_adjoint_float32"] = nb::capsule(reinterpret_cast<void*>(EikonalAdjointF32));
  handlers["twin_eikonal_adjoint_float64"] = nb::capsule(reinterpret_cast<void*>(EikonalAdjointF64));
  m.def("prepare_front", &prepare, nb::arg("points"), nb::arg("elements"));
  m.def("measure_spans", &spans<float>);
  m.def("measure_spans", &spans<double>);
  m.def("trace_rays", &trace, nb::arg("points"), nb::arg("corners"), nb::arg("start"),
        nb::arg("slots"), nb::arg("place"), nb::arg("node"), nb::arg("radius"));
}
