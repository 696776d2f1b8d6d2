// The numbers under the cell models' kernels, and the models' steps where anyone can check them.
#include "../../twin/native/cell_math.h"
#include "../../twin/native/cell_ten_tusscher_panfilov.h"

#include <cmath>
#include <cstdio>
#include <vector>

namespace {

int failures = 0;

void check(bool good, const char* what, double found, double limit) {
  if (good) return;
  std::printf("%s: found %g, expected under %g\n", what, found, limit);
  ++failures;
}

template <typename Real>
void check_math(double limit) {
  double exponential = 0, decay = 0, logarithm = 0, bernoulli = 0;
  const int count = 200000;
  const auto worst = [](double& error, double found, double exact) {
    error = std::fmax(error, std::fabs(found - exact) / std::fabs(exact));
  };
  for (int i = 0; i < count; ++i) {
    const double share = double(i) / count;
    const Real x = Real(-85 + 170 * share), y = std::pow(Real(10), Real(-12 + 14 * share));
    const Real z = Real(-20 + 40.001 * share), c = std::pow(Real(10), Real(-8 + 11 * share));
    worst(exponential, twin::exponential(x), std::exp(double(x)));
    worst(decay, twin::decay(y), -std::expm1(-double(y)));
    logarithm = std::fmax(logarithm, std::fabs(twin::logarithm(c) - std::log(double(c))));
    worst(bernoulli, twin::bernoulli(z, twin::exponential(z)), z / std::expm1(double(z)));
  }
  check(exponential < limit, "exponential", exponential, limit);
  check(decay < limit, "decay", decay, limit);
  check(logarithm < 10 * limit, "logarithm, absolute to 18", logarithm, 10 * limit);
  check(bernoulli < std::fmax(2 * limit, 2e-13), "bernoulli", bernoulli, limit);
}

// The potential of one cell after `duration` ms from the benchmark's initial state.
template <typename Real, int Lanes>
double paced(Real time_step, double duration) {
  using Model = twin::TenTusscherPanfilov<Real>;
  const double initial[Model::kVariables] = {
      -85.23,  0.00621, 0.4712, 0.0095,   0.00172,  0.7444, 0.7045, 3.373e-5, 0.7888, 0.9755,
      0.9953, 0.999998, 2.42e-8, 0.000126, 0.9073, 3.64,   0.00036, 8.604, 136.89};
  const double conductances[Model::kParameters] = {14.838, 3.98e-5, 0.153, 0.392, 0.294, 5.405, 0};
  std::vector<Real> state(Model::kVariables * Lanes), parameters(Model::kParameters * Lanes);
  for (int i = 0; i < Lanes; ++i) {
    for (int k = 0; k < Model::kVariables; ++k) state[k * Lanes + i] = Real(initial[k]);
    for (int k = 0; k < Model::kParameters; ++k)
      parameters[k * Lanes + i] = Real(conductances[k]);
  }
  const int steps = int(duration / time_step + 0.5);
  for (int step = 0; step < steps; ++step) {
    const std::vector<Real> stimulus(Lanes, step * time_step < 1 ? Real(52) : Real(0));
    Model::template step<Lanes>(state.data(), Lanes, parameters.data(), Lanes, stimulus.data(),
                                time_step);
  }
  for (int i = 1; i < Lanes; ++i)
    check(state[i] == state[0], "lanes differ", double(state[i] - state[0]), 0);
  return state[0];
}

}  // namespace

int main() {
  check_math<float>(2e-7);
  check_math<double>(4e-15);
  const double exact = paced<double, 8>(0.01, 150), single = paced<float, 16>(0.01f, 150);
  check(std::fabs(exact - single) < 0.01, "float against double, mV", exact - single, 0.01);
  check(exact > 10 && exact < 25, "plateau at 150 ms, mV", exact, 25);
  if (failures == 0) std::printf("cell kernels: all good\n");
  return failures != 0;
}
