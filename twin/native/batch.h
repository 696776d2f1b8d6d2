// What the XLA FFI handlers of all kernels share: scenarios of a batch, and the threads for them.
#pragma once
#include <cstdlib>
#include <memory>
#include <vector>

#include "parallel.h"
#include "xla/ffi/api/ffi.h"

namespace twin {

namespace ffi = xla::ffi;

using Ints = ffi::Buffer<ffi::S32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Marks = ffi::Buffer<ffi::PRED>;

inline int thread_limit() {
  const char* wish = std::getenv("TWIN_THREADS");
  return wish ? std::max(1, std::atoi(wish)) : 1 << 20;
}

inline int crew_size(const ffi::ThreadPool& pool) {
  return static_cast<int>(std::min<int64_t>(pool.num_threads(), thread_limit()));
}

// Where scenario b lies in an argument whose leading axes are the batch's or 1.
inline int64_t batch_place(ffi::Span<const int64_t> axes, int64_t own,
                    ffi::Span<const int64_t> batch, int64_t scenario) {
  const int64_t count = static_cast<int64_t>(axes.size()) - own;
  const int64_t all = static_cast<int64_t>(batch.size());
  int64_t place = 0, stride = 1;
  for (int64_t i = 1; i <= all; ++i) {
    const int64_t size = batch[all - i], here = scenario % size;
    scenario /= size;
    if (i > count || axes[count - i] == 1) continue;
    place += here * stride;
    stride *= axes[count - i];
  }
  return place;
}

struct Batch {
  ffi::Span<const int64_t> axes;
  int64_t size = 1;
  explicit Batch(ffi::Span<const int64_t> shape, size_t own)
      : axes(shape.begin(), shape.size() - own) {
    for (size_t i = 0; i < axes.size(); ++i) size *= axes[i];
  }

  // Scenario b's part of an argument whose last `own_axes` axes, `count` numbers, are one part.
  template <typename Buffer>
  auto own(const Buffer& buffer, int64_t own_axes, int64_t count, int64_t b) const {
    return buffer.typed_data() + count * batch_place(buffer.dimensions(), own_axes, axes, b);
  }
};

inline Schedule schedule_on(ffi::ThreadPool& pool) {
  return [&pool](std::function<void()> task) {
    pool.Schedule([task = std::move(task)] { task(); });
  };
}

// run(scenario, solver, crew) for the whole batch: side by side where there are several, else with
// all threads inside the one. make() gives each thread a solver.
template <typename Make, typename Run>
void run_batch(ffi::ThreadPool pool, int64_t scenarios, const Make& make, const Run& run) {
  Crew crew(crew_size(pool) - 1, schedule_on(pool));
  using Solver = decltype(make());
  if (scenarios == 1) {
    Solver solver = make();
    return run(0, solver, crew);
  }
  std::vector<std::unique_ptr<Solver>> solvers(crew.size());
  crew.run(scenarios, [&](int64_t scenario, int rank) {
    if (!solvers[rank]) solvers[rank].reset(new Solver(make()));
    Crew alone(0, {});
    run(scenario, *solvers[rank], alone);
  });
}

}  // namespace twin
