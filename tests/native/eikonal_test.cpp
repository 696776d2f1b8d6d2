// The eikonal kernels without Python: exact plane waves, the same bits for any number of threads,
// and the identity of the adjoint.
#include "eikonal.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>

#include "eikonal_adjoint.h"
#include "eikonal_batch.h"
#include "eikonal_front.h"

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (!holds) ++failures, std::fprintf(stderr, "failed: %s\n", what);
}

struct Box {
  std::vector<double> points;
  std::vector<int32_t> tetrahedra;
};

// Cubes of side 1, six tetrahedra each, inner nodes jittered.
Box make_box(int nx, int ny, int nz) {
  Box box;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> jitter(-0.2, 0.2);
  const int size[3] = {nx, ny, nz};
  for (int k = 0; k <= nz; ++k)
    for (int j = 0; j <= ny; ++j)
      for (int i = 0; i <= nx; ++i) {
        const int at[3] = {i, j, k};
        for (int d = 0; d < 3; ++d)
          box.points.push_back(at[d] + (at[d] > 0 && at[d] < size[d] ? jitter(random) : 0));
      }
  const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  const auto number = [&](const int* c) { return (c[2] * (ny + 1) + c[1]) * (nx + 1) + c[0]; };
  for (int k = 0; k < nz; ++k)
    for (int j = 0; j < ny; ++j)
      for (int i = 0; i < nx; ++i)
        for (const auto& order : orders) {
          int corner[3] = {i, j, k};
          box.tetrahedra.push_back(number(corner));
          for (int axis : order) {
            ++corner[axis];
            box.tetrahedra.push_back(number(corner));
          }
        }
  return box;
}

template <typename Real>
struct Case {
  twin::Front front;
  std::vector<double> points;  // in the front's order
  std::vector<Real> spans, speeds;
  std::unique_ptr<bool[]> blocked;
  int64_t nodes, elements;

  explicit Case(const Box& box)
      : front(twin::prepare_front(box.points.data(), int64_t(box.points.size() / 3),
                                  box.tetrahedra.data(), int64_t(box.tetrahedra.size() / 4))),
        nodes(int64_t(box.points.size() / 3)),
        elements(int64_t(box.tetrahedra.size() / 4)) {
    for (int32_t v : front.node_order)
      points.insert(points.end(), &box.points[3 * v], &box.points[3 * v] + 3);
    // Fast along (1, 1, 0), slow across.
    const double r = std::sqrt(0.5), axes[3][3] = {{r, r, 0}, {r, -r, 0}, {0, 0, 1}};
    for (const auto& axis : axes)
      for (int corner = 1; corner < 4; ++corner)
        for (int64_t e = 0; e < elements; ++e) {
          const double* from = &points[3 * front.corners[4 * e]];
          const double* to = &points[3 * front.corners[4 * e + corner]];
          double extent = 0;
          for (int d = 0; d < 3; ++d) extent += (to[d] - from[d]) * axis[d];
          spans.push_back(Real(extent));
        }
    for (int64_t e = 0; e < elements; ++e)
      for (double speed : {0.6, 0.25, 0.25}) speeds.push_back(Real(speed));
    blocked.reset(new bool[elements]());
  }

  twin::Metric<Real> metric() const {
    return {elements, spans.data(), nullptr, front.element_order.data(), speeds.data(),
            blocked.get()};
  }

  twin::Rings rings() const {
    return {nodes,
            elements,
            front.start.data(),
            front.slots.data(),
            front.places.data(),
            front.neighbour_start.data(),
            front.neighbours.data()};
  }
};

struct Threads {
  std::vector<std::thread> running;
  twin::Schedule schedule() {
    return [this](std::function<void()> task) { running.emplace_back(std::move(task)); };
  }
  ~Threads() {
    for (auto& thread : running) thread.join();
  }
};

template <typename Real>
std::vector<Real> solve(const Case<Real>& c, std::vector<Real> times, int helpers,
                        std::vector<int32_t>& winners) {
  winners.assign(c.nodes, 0);
  Threads threads;
  twin::Crew crew(helpers, threads.schedule());
  twin::Eikonal<Real>(c.rings()).solve(c.metric(), times.data(), winners.data(), crew);
  return times;
}

template <typename Real>
std::vector<Real> point_source(const Case<Real>& c) {
  std::vector<Real> times(c.nodes, Real(INFINITY));
  times[c.nodes / 3] = 0;
  return times;
}

template <typename Real>
void test_same_bits(const Case<Real>& c) {
  std::vector<int32_t> winners, again;
  const auto alone = solve(c, point_source(c), 0, winners);
  for (int helpers : {1, 3, 7}) {
    const auto many = solve(c, point_source(c), helpers, again);
    expect(!std::memcmp(alone.data(), many.data(), alone.size() * sizeof(Real)),
           "times are the same bits for any number of threads");
    expect(winners == again, "and so are the winners");
  }
  for (const char* set : {"baseline", "avx2", "avx512"}) {
    setenv("TWIN_SIMD", set, 1);
    try {
      const auto other = solve(c, point_source(c), 0, again);
      Real worst = 0;
      for (size_t v = 0; v < alone.size(); ++v)
        worst = std::max(worst, std::abs(other[v] - alone[v]) / (1 + alone[v]));
      expect(worst < 100 * std::numeric_limits<Real>::epsilon(), set);
    } catch (const std::invalid_argument&) {
      std::printf("not on this machine: %s\n", set);
    }
  }
  unsetenv("TWIN_SIMD");
}

// Scenarios of other speeds, a lane each, against each alone.
template <typename Real>
void test_lanes(const Case<Real>& c, double tolerance) {
  constexpr int count = twin::kScenarios - 1;  // a lane stays empty
  std::vector<std::vector<Real>> speeds(count, c.speeds), times(count, point_source(c)), alone;
  std::vector<std::vector<int32_t>> winners(count, std::vector<int32_t>(c.nodes));
  std::vector<twin::Metric<Real>> metrics;
  std::vector<const Real*> begin;
  std::vector<Real*> to;
  std::vector<int32_t*> won;
  const auto start = point_source(c);
  std::mt19937 random(2);
  std::uniform_real_distribution<double> factor(0.7, 1.4);
  for (int i = 0; i < count; ++i) {
    for (Real& speed : speeds[i]) speed *= Real(factor(random));
    metrics.push_back(c.metric());
    metrics.back().speeds = speeds[i].data();
    begin.push_back(start.data());
    to.push_back(times[i].data());
    won.push_back(winners[i].data());
    alone.push_back(start);
    std::vector<int32_t> ignored(c.nodes);
    twin::Crew crew(0, {});
    twin::Eikonal<Real>(c.rings()).solve(metrics[i], alone[i].data(), ignored.data(), crew);
  }
  const twin::Itinerary<Real> itinerary(c.rings(), metrics[0], alone[0].data());
  twin::EikonalBatch<Real>(c.rings()).solve(itinerary, count, metrics.data(), begin.data(),
                                            to.data(), won.data());
  double worst = 0;
  for (int i = 0; i < count; ++i)
    for (int64_t v = 0; v < c.nodes; ++v)
      worst = std::max(worst, std::abs(double(times[i][v]) - alone[i][v]) / (1 + alone[i][v]));
  expect(worst < tolerance, "scenarios in lanes agree with each alone");
}

// T = slowness . x is the solution where T is given on three sides.
template <typename Real>
void test_plane_wave(const Case<Real>& c) {
  const double fast = std::sqrt(0.5) * 0.6, slow = 0.25;
  const double a[3] = {0.7, 0.6, std::sqrt(1 - 0.85)};
  const double along = (a[0] + a[1]) * std::sqrt(0.5);
  const double speed =
      std::sqrt(2 * fast * fast * along * along + slow * slow * (1 - along * along));
  std::vector<Real> exact(c.nodes), times(c.nodes, Real(INFINITY));
  for (int64_t v = 0; v < c.nodes; ++v) {
    const double* x = &c.points[3 * v];
    exact[v] = Real((a[0] * x[0] + a[1] * x[1] + a[2] * x[2]) / speed);
    if (std::min({x[0], x[1], x[2]}) < 1.3) times[v] = exact[v];
  }
  std::vector<int32_t> winners;
  times = solve(c, times, 1, winners);
  Real worst = 0, last = 0;
  for (int64_t v = 0; v < c.nodes; ++v) {
    worst = std::max(worst, std::abs(times[v] - exact[v]));
    last = std::max(last, exact[v]);
  }
  expect(worst < 50 * std::numeric_limits<Real>::epsilon() * last, "a plane wave stays plane");
}

// Times are homogeneous of degree -1 in the speeds: sum of speed dJ/dspeed = -J.
template <typename Real>
void test_adjoint(const Case<Real>& c, double tolerance) {
  std::vector<int32_t> winners;
  const auto times = solve(c, point_source(c), 1, winners);
  std::vector<Real> seeds(c.nodes, 1), by_start(c.nodes), by_speeds(3 * c.elements);
  Threads threads;
  twin::Crew crew(1, threads.schedule());
  twin::EikonalAdjoint<Real>(c.rings()).solve(c.front.corners.data(), c.metric(), times.data(),
                                              winners.data(), seeds.data(), by_start.data(),
                                              by_speeds.data(), crew);
  double value = 0, sum = 0;
  for (Real t : times) value += t;
  for (size_t i = 0; i < by_speeds.size(); ++i) sum += double(by_speeds[i]) * c.speeds[i];
  expect(std::abs(sum + value) < tolerance * value, "sum of speed dJ/dspeed is -J");
  expect(std::abs(by_start[c.nodes / 3] - Real(c.nodes)) < tolerance * c.nodes,
         "a later source makes all nodes later");
}

}  // namespace

int main() {
  const Box box = make_box(24, 12, 9);
  const Case<float> single(box);
  const Case<double> full(box);
  test_same_bits(single);
  test_same_bits(full);
  test_lanes(single, 2e-5);
  test_lanes(full, 1e-12);
  test_plane_wave(single);
  test_plane_wave(full);
  test_adjoint(single, 1e-5);
  test_adjoint(full, 1e-11);
  if (!failures) std::puts("all hold");
  return failures ? 1 : 0;
}
