// Exponentials and logarithms that a loop over lanes turns into vector code: no branch, no call.
//
// Relative errors stay under 2e-7 in float and 4e-15 in double (tests/native/cell_test.cpp); that of
// `bernoulli` in double under 2e-13. `logarithm` is for normal positive numbers.
//
// Compiled once for every instruction set, hence the unnamed namespace.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "inline.h"

namespace twin {
namespace {

// How the bits of a number are laid out, and polynomials that are good to its last digit.
template <typename Real>
struct Format;

template <>
struct Format<float> {
  using Bits = int32_t;
  static constexpr int kMantissa = 23;
  static constexpr Bits kBias = 127;
  static constexpr float kRound = 12582912.0f;         // 1.5 * 2^23: adding it rounds
  static constexpr float kWhole = 8388608.0f;          // 2^23: its last bits count
  static constexpr float kHigh = 0.693359375f, kLow = -2.12194440e-4f;  // ln 2 in two parts
  static constexpr float kLeast = -87.0f, kMost = 88.0f;

  // (e^r - 1 - r) / r^2 for |r| < ln 2 / 2.
  static TWIN_INLINE float curve(float r) {
    return 0.5f + r * (0.1666657699f + r * (0.04166655461f + r * (0.008363179053f +
                       r * 0.001392618358f)));
  }
  // atanh(s) / s for |s| < 0.172, from z = s^2.
  static TWIN_INLINE float atanh(float z) {
    return 1 + z * (1 / 3.0f + z * (1 / 5.0f + z * (1 / 7.0f + z * (1 / 9.0f))));
  }
};

template <>
struct Format<double> {
  using Bits = int64_t;
  static constexpr int kMantissa = 52;
  static constexpr Bits kBias = 1023;
  static constexpr double kRound = 6755399441055744.0, kWhole = 4503599627370496.0;
  static constexpr double kHigh = 0.693147180369123816490, kLow = 1.90821492927058770002e-10;
  static constexpr double kLeast = -708.0, kMost = 709.0;

  static TWIN_INLINE double curve(double r) {
    return 0.5 + r * (0.1666666666666666745 + r * (0.04166666666662412787 +
           r * (0.008333333333330061833 + r * (0.00138888889217137169 +
           r * (1.984126986305361688e-4 + r * (2.480152129595437513e-5 +
           r * (2.755726845999706477e-6 + r * (2.762008844540974816e-7 +
           r * 2.510038549551031908e-8))))))));
  }
  static TWIN_INLINE double atanh(double z) {
    return 1 + z * (1 / 3.0 + z * (1 / 5.0 + z * (1 / 7.0 + z * (1 / 9.0 + z * (1 / 11.0 +
           z * (1 / 13.0 + z * (1 / 15.0 + z * (1 / 17.0 + z * (1 / 19.0 + z / 21.0)))))))));
  }
};

template <typename To, typename From>
TWIN_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

// x = n ln 2 + r: two_n = 2^n, r.
template <typename Real>
TWIN_INLINE void split(Real x, Real& two_n, Real& r) {
  using F = Format<Real>;
  x = x < F::kLeast ? F::kLeast : x;
  x = x > F::kMost ? F::kMost : x;
  const Real rounded = x * Real(1.44269504088896340736) + F::kRound;
  const Real n = rounded - F::kRound;
  r = (x - n * F::kHigh) - n * F::kLow;
  const auto shift = bits_as<typename F::Bits>(rounded) + F::kBias;
  two_n = bits_as<Real>(static_cast<typename F::Bits>(
      static_cast<std::make_unsigned_t<typename F::Bits>>(shift) << F::kMantissa));
}

template <typename Real>
TWIN_INLINE Real exponential(Real x) {
  Real two_n, r;
  split(x, two_n, r);
  return two_n * (1 + (r + r * r * Format<Real>::curve(r)));
}

// 1 - e^-x for x >= 0, to the last digit also where x is small.
template <typename Real>
TWIN_INLINE Real decay(Real x) {
  Real two_n, r;
  split(-x, two_n, r);
  return (1 - two_n) - two_n * (r + r * r * Format<Real>::curve(r));
}

template <typename Real>
TWIN_INLINE Real logarithm(Real x) {
  using F = Format<Real>;
  using Bits = typename F::Bits;
  // Numbers from sqrt(1/2) to sqrt(2) keep the exponent 0.
  constexpr Bits kOne = F::kBias << F::kMantissa;
  const Bits offset = bits_as<Bits>(Real(0.70710678118654752440));
  const Bits bits = bits_as<Bits>(x) - offset + kOne;
  const Bits whole = (bits >> F::kMantissa) | bits_as<Bits>(F::kWhole);
  const Real n = bits_as<Real>(whole) - (F::kWhole + Real(F::kBias));
  const Bits mask = (Bits(1) << F::kMantissa) - 1;
  const Real m = bits_as<Real>((bits & mask) + offset);
  const Real s = (m - 1) / (m + 1);
  return n * F::kHigh + (2 * s * F::atanh(s * s) + n * F::kLow);
}

// x / (e^x - 1), smooth through 0.
template <typename Real>
TWIN_INLINE Real bernoulli(Real x, Real exp_x) {
  const Real z = x * x;
  const Real near = 1 - x / 2 + z * (Real(1 / 12.0) - z * (Real(1 / 720.0) - z *
                    (Real(1 / 30240.0) - z * (Real(1 / 1209600.0) - z * Real(1 / 47900160.0)))));
  const bool small = z < Real(0.25);
  const Real far = x / ((small ? Real(2) : exp_x) - 1);
  return small ? near : far;
}

TWIN_INLINE float root(float x) { return __builtin_sqrtf(x); }
TWIN_INLINE double root(double x) { return __builtin_sqrt(x); }

}  // namespace
}  // namespace twin
