// One step of Courtemanche, Ramirez and Nattel's human atrial myocyte (1998), for a block of cells.
//
// The same equations as simulation/ionic/courtemanche.py; how they are arranged and laid out is as
// in cell_ten_tusscher_panfilov.h.
#pragma once
#include "cell_math.h"

namespace twin {
namespace {

template <typename Real>
struct Courtemanche {
  static constexpr int kVariables = 21, kParameters = 7;
  enum Parameter { kSodium, kRectifier, kOutward, kUltrarapid, kRapid, kSlow, kCalcium };
  enum Variable {
    V, M, H, J, OA, OI, UA, UI, Xr, Xs, D, F, FCa, U, VRel, W, Na, K, Ca, CaUp, CaRel
  };
  static constexpr double kRTF = 8.3143 * 310.0 / 96.4867, kFaraday = 96.4867;
  static constexpr double kCytoplasm = 0.68 * 20100, kUptake = 0.0552 * 20100;
  static constexpr double kRelease = 0.0048 * 20100, kCharge = 100 / (kCytoplasm * kFaraday);

  static constexpr double kSigma = 1.0009103049457284;  // (e^(140 / 67.3) - 1) / 7

  static TWIN_INLINE Real exp_of(Real v, double centre, double slope) {
    return exponential((v - Real(centre)) * Real(1 / slope));
  }

  // Rates at which h and j open and close. Lanes below -40 mV need what those above do not.
  struct Inactivation {
    Real open_h, shut_h, open_j, shut_j;
  };

  static TWIN_INLINE Inactivation below(Real v) {
    const Real open_h = Real(0.135) * exp_of(v, -80, -6.8);
    const Real shut_h = Real(3.56) * exponential(Real(0.079) * v) +
                        Real(3.1e5) * exponential(Real(0.35) * v);
    const Real open_j = (Real(-1.2714e5) * exponential(Real(0.2444) * v) -
                         Real(3.474e-5) * exponential(Real(-0.04391) * v)) *
                        (v + Real(37.78)) / (1 + exponential(Real(0.311) * (v + Real(79.23))));
    const Real shut_j = Real(0.1212) * exponential(Real(-0.01052) * v) /
                        (1 + exponential(Real(-0.1378) * (v + Real(40.14))));
    return {open_h, shut_h, open_j, shut_j};
  }

  static TWIN_INLINE Inactivation above(Real v) {
    const Real e10 = exponential(v * Real(0.1)), y = Real(-2.535e-7) * v;
    return {0, Real(1 / 0.13) / (1 + exp_of(v, -10.66, -11.1)), 0,
            Real(0.3) * (1 + y + y * y / 2) * e10 / (e10 + Real(0.040762203978366215))};
  }

  template <int Lanes>
  struct Rates {
    Real open_h[Lanes], shut_h[Lanes], open_j[Lanes], shut_j[Lanes];
  };

  template <int Lanes>
  static TWIN_INLINE void inactivation(const Real* v, Rates<Lanes>& r) {
    int low = 0;
    for (int i = 0; i < Lanes; ++i) low += v[i] < -40;
    if (low > 0) {
#pragma omp simd
      for (int i = 0; i < Lanes; ++i) {
        const Inactivation rate = below(v[i] < -40 ? v[i] : Real(-40));
        r.open_h[i] = rate.open_h, r.shut_h[i] = rate.shut_h;
        r.open_j[i] = rate.open_j, r.shut_j[i] = rate.shut_j;
      }
    }
    if (low < Lanes) {
#pragma omp simd
      for (int i = 0; i < Lanes; ++i) {
        const Inactivation rate = above(v[i] > -40 ? v[i] : Real(-40));
        const bool here = !(v[i] < -40);
        r.open_h[i] = here ? rate.open_h : r.open_h[i];
        r.shut_h[i] = here ? rate.shut_h : r.shut_h[i];
        r.open_j[i] = here ? rate.open_j : r.open_j[i];
        r.shut_j[i] = here ? rate.shut_j : r.shut_j[i];
      }
    }
  }

  // The gate after a step of `ratio` = dt / tau towards `target`.
  static TWIN_INLINE Real moved(Real gate, Real target, Real ratio) {
    return gate + (target - gate) * decay(ratio);
  }
  static TWIN_INLINE Real by_rates(Real gate, Real open, Real shut, Real dt) {
    return moved(gate, open / (open + shut), dt * (open + shut));
  }

  static TWIN_INLINE void gates(Real* s, int64_t n, Real v, Real ca, Real flux, Real dt) {
    const Real e10 = exponential(v * Real(0.1)), e5 = e10 * e10;
    const Real e17 = exponential(v * Real(1 / 17.0)), e8_5 = e17 * e17;
    const Real e16 = exponential(v * Real(1 / 16.0)), e8 = e16 * e16;
    const Real open_m = Real(3.2) * bernoulli((v + Real(47.13)) * Real(-0.1),
                                              Real(0.008977803730697244) / e10);
    s[M * n] = by_rates(s[M * n], open_m, Real(0.08) * exponential(v * Real(-1 / 11.0)), dt);
    // Outward currents; their kinetics are sped up threefold to 37 degrees.
    const Real active = Real(0.65) / (Real(0.3083651678965814) / e8_5 + exp_of(v, 30, -59)) +
                        Real(0.65) / (Real(2.5) + e17 * Real(124.40338763970252));
    s[OA * n] = moved(s[OA * n], 1 / (1 + exp_of(v, -20.47, -17.54)), 3 * dt * active);
    const Real oi = 1 / (Real(18.53) + exp_of(v, -113.7, 10.95)) +
                    1 / (Real(35.56) + exp_of(v, -1.26, -7.44));
    s[OI * n] = moved(s[OI * n], 1 / (1 + exp_of(v, -43.1, 5.3)), 3 * dt * oi);
    s[UA * n] = moved(s[UA * n], 1 / (1 + exp_of(v, -30.3, -9.6)), 3 * dt * active);
    const Real ui = 1 / (21 + exp_of(v, 185, -28)) + e16 * Real(5.144486017970228e-05);
    s[UI * n] = moved(s[UI * n], 1 / (1 + exp_of(v, 99.45, 27.48)), 3 * dt * ui);
    // Delayed rectifiers.
    const Real x = (v - Real(3.3328)) * Real(1 / 5.1237);
    const Real xr = Real(0.0015) * bernoulli((v + Real(14.1)) * Real(-0.2),
                                             Real(0.05960594270893937) / e5) +
                    Real(7.3898e-5 * 5.1237) * bernoulli(x, exponential(x));
    s[Xr * n] = moved(s[Xr * n], 1 / (1 + exp_of(v, -14.1, -6.5)), dt * xr);
    const Real y = v - Real(19.9);
    const Real xs = Real(4e-5 * 17) * bernoulli(y * Real(-1 / 17.0),
                                                Real(3.2238884858633594) / e17) +
                    Real(3.5e-5 * 9) * bernoulli(y * Real(1 / 9.0), exponential(y * Real(1 / 9.0)));
    s[Xs * n] = moved(s[Xs * n], 1 / root(1 + exp_of(v, 19.9, -12.7)), 2 * dt * xs);
    // L-type calcium.
    const Real z = (v + 10) * Real(-1 / 6.24), e6 = exponential(z);
    s[D * n] = moved(s[D * n], e8 / (e8 + Real(0.2865047968601901)),
                     dt * Real(0.035 * 6.24) * bernoulli(z, e6) * (1 + e6));
    const Real bell = exponential((v + 10) * (v + 10) * Real(-0.0337 * 0.0337));
    s[F * n] = moved(s[F * n], 1 / (1 + exp_of(v, -28, 6.9)),
                     dt * (Real(0.0197) * bell + Real(0.02)) * Real(1 / 9.0));
    s[FCa * n] = moved(s[FCa * n], Real(0.00035) / (Real(0.00035) + ca), dt * Real(0.5));
    // Release of calcium: u opens with its flux, v and w shut.
    const Real open = 1 / (1 + exp_of(flux, 341.75, -1.367));
    s[U * n] = moved(s[U * n], open, dt * Real(0.125));
    s[VRel * n] = moved(s[VRel * n], 1 / (1 + exp_of(flux, 68.35, 1.367)),
                        dt / (Real(1.91) + Real(2.09) * open));
    const Real e_w = Real(4.854955811237434) / e5;
    s[W * n] = moved(s[W * n], 1 / (1 + e17 * Real(0.09508907677188685)),
                     dt * Real(5 / 6.0) * bernoulli((v - Real(7.9)) * Real(-0.2), e_w) *
                         (1 + Real(0.3) * e_w));
  }

  // Calcium that a buffer takes up beside each that stays free.
  static TWIN_INLINE Real bound(Real calcium, Real buffer, Real affinity) {
    const Real q = calcium + affinity;
    return buffer * affinity / (q * q);
  }

  // Potential and concentrations, by the currents through the gates as they stand; returns the
  // flux that opens the store, in 1e-15 umol/ms.
  static TWIN_INLINE Real flows(Real* s, int64_t n, const Real* g, int64_t pn, Real stimulus,
                                Real dt) {
    const Real v = s[V * n], na = s[Na * n], k = s[K * n], ca = s[Ca * n];
    const Real ca_up = s[CaUp * n], ca_rel = s[CaRel * n], m = s[M * n];
    const Real e_na = Real(kRTF) * logarithm(140 / na);
    const Real to_k = v - Real(kRTF) * logarithm(Real(5.4) / k);
    const Real e_ca = Real(0.5 * kRTF) * logarithm(Real(1.8) / ca);
    const Real i_na = g[kSodium * pn] * m * m * m * s[H * n] * s[J * n] * (v - e_na);
    const Real i_k1 = g[kRectifier * pn] * to_k / (1 + exponential(Real(0.07) * (v + 80)));
    const Real oa = s[OA * n], ua = s[UA * n];
    const Real i_to = g[kOutward * pn] * oa * oa * oa * s[OI * n] * to_k;
    const Real g_kur = Real(0.005) + Real(0.05) / (1 + exp_of(v, 15, -13));
    const Real i_kur = g[kUltrarapid * pn] * g_kur * ua * ua * ua * s[UI * n] * to_k;
    const Real i_kr = g[kRapid * pn] * s[Xr * n] * to_k / (1 + exp_of(v, -15, 22.4));
    const Real i_ks = g[kSlow * pn] * s[Xs * n] * s[Xs * n] * to_k;
    const Real i_ca_l = g[kCalcium * pn] * s[D * n] * s[F * n] * s[FCa * n] * (v - 65);
    // Powers of e^(v / 20) with v in units of RT/F.
    const Real p = exponential(v * Real(0.05 / kRTF)), p2 = p * p, p4 = p2 * p2, p8 = p4 * p4;
    const Real p7 = p4 * p2 * p, p16 = p8 * p8, p20 = p16 * p4;
    const Real share = 10 / na;
    const Real i_nak = Real(0.59933874 * 5.4 / 6.9) * p20 /
                       ((1 + share * root(share)) *
                        (p20 + Real(0.1245) * p16 * p2 + Real(0.0365 * kSigma)));
    const Real i_naca = 1600 * p7 *
                        (p20 * na * na * na * Real(1.8) - Real(140.0 * 140.0 * 140.0) * ca) /
                        (Real((87.5 * 87.5 * 87.5 + 140.0 * 140.0 * 140.0) * 3.18) *
                         (p20 + Real(0.1) * p7));
    const Real i_pca = Real(0.275) * ca / (Real(0.0005) + ca);
    const Real i_bna = Real(0.0006744375) * (v - e_na), i_bca = Real(0.001131) * (v - e_ca);

    const Real sodium_in = i_na + i_bna + 3 * (i_nak + i_naca);
    const Real potassium_out = i_k1 + i_to + i_kur + i_kr + i_ks - 2 * i_nak;
    const Real calcium_in = i_bca + i_pca + i_ca_l - 2 * i_naca;
    s[V * n] = v + dt * (stimulus - (sodium_in + potassium_out + calcium_in));

    const Real u = s[U * n];
    const Real release = 30 * u * u * s[VRel * n] * s[W * n] * (ca_rel - ca);
    const Real uptake = Real(0.005) * ca / (ca + Real(0.00092));
    const Real leak = Real(0.005 / 15) * ca_up;
    const Real transfer = (ca_up - ca_rel) * Real(1 / 180.0);
    const Real stores = (leak - uptake) * Real(kUptake / kCytoplasm) +
                        release * Real(kRelease / kCytoplasm);
    s[Na * n] = na - dt * Real(kCharge) * sodium_in;
    s[K * n] = k - dt * Real(kCharge) * (potassium_out - stimulus);
    s[Ca * n] = ca + dt * (stores - calcium_in * Real(kCharge / 2)) /
                         (1 + bound(ca, Real(0.07), Real(0.0005)) +
                          bound(ca, Real(0.05), Real(0.00238)));
    s[CaUp * n] = ca_up + dt * (uptake - leak - transfer * Real(kRelease / kUptake));
    s[CaRel * n] = ca_rel + dt * (transfer - release) / (1 + bound(ca_rel, 10, Real(0.8)));
    return Real(1e3 * kRelease) * release -
           Real(5e4 / kFaraday) * (Real(0.5) * i_ca_l - Real(0.2) * i_naca);
  }

  // The cells `dt` ms later; `stimulus` in mV/ms depolarises when positive.
  template <int Lanes>
  static TWIN_INLINE void step(Real* __restrict__ state, int64_t stride,
                               const Real* __restrict__ parameters, int64_t parameter_stride,
                               const Real* __restrict__ stimulus, Real dt) {
    Real v[Lanes], ca[Lanes], flux[Lanes];
    Rates<Lanes> rates;
    for (int i = 0; i < Lanes; ++i) v[i] = state[i], ca[i] = state[Ca * stride + i];
    inactivation<Lanes>(v, rates);
    // Currents flow through the gates as they were before the step.
#pragma omp simd
    for (int i = 0; i < Lanes; ++i)
      flux[i] = flows(state + i, stride, parameters + i, parameter_stride, stimulus[i], dt);
#pragma omp simd
    for (int i = 0; i < Lanes; ++i) {
      Real* h = state + H * stride + i;
      Real* j = state + J * stride + i;
      *h = by_rates(*h, rates.open_h[i], rates.shut_h[i], dt);
      *j = by_rates(*j, rates.open_j[i], rates.shut_j[i], dt);
      gates(state + i, stride, v[i], ca[i], flux[i], dt);
    }
  }
};

}  // namespace
}  // namespace twin
