// One step of ten Tusscher and Panfilov's human ventricular myocyte (2006), for a block of cells.
//
// The same equations as simulation/ionic/ten_tusscher_panfilov.py, arranged for the machine:
// exponentials with a common slope are powers of one, quotients are drawn together, and a gate
// moves by the share 1 - e^(-dt / tau) of its way.
//
// Variable k of lane i is state[k * stride + i]; parameter k of lane i is
// parameters[k * parameter_stride + i], so that one block of parameters can serve all blocks.
#pragma once
#include "cell_math.h"

namespace twin {
namespace {

template <typename Real>
struct TenTusscherPanfilov {
  static constexpr int kVariables = 19, kParameters = 7;
  enum Parameter { kSodium, kCalcium, kRapid, kSlow, kOutward, kRectifier, kEndocardial };
  enum Variable {
    V, Xr1, Xr2, Xs, M, H, J, D, F, F2, FSS, S, R, Ca, RR, CaSR, CaSS, Na, K
  };

  // Powers of e^(v / slope) that many gates share.
  struct Powers {
    Real e20, e10, e5, e14, e7, i15, i7_5, e6;
    TWIN_INLINE explicit Powers(Real v) {
      e20 = exponential(v * Real(1 / 20.0)), e10 = e20 * e20, e5 = e10 * e10;
      e14 = exponential(v * Real(1 / 14.0)), e7 = e14 * e14;
      i15 = exponential(v * Real(-1 / 15.0)), i7_5 = i15 * i15;
      e6 = exponential(v * Real(1 / 6.0));
    }
  };

  // dt / tau of h and j, and where both tend to. Lanes below -40 mV need what those above do not.
  struct Inactivation {
    Real h, j;
  };

  static TWIN_INLINE Inactivation below(Real v) {
    const Real a_h = Real(0.057) * exponential((v + 80) * Real(-1 / 6.8));
    const Real b_h = Real(2.7) * exponential(Real(0.079) * v) +
                     Real(3.1e5) * exponential(Real(0.3485) * v);
    const Real a_j = (Real(-2.5428e4) * exponential(Real(0.2444) * v) -
                      Real(6.948e-6) * exponential(Real(-0.04391) * v)) *
                     (v + Real(37.78)) / (1 + exponential(Real(0.311) * (v + Real(79.23))));
    const Real b_j = Real(0.02424) * exponential(Real(-0.01052) * v) /
                     (1 + exponential(Real(-0.1378) * (v + Real(40.14))));
    return {a_h + b_h, a_j + b_j};
  }

  static TWIN_INLINE Inactivation above(Real v) {
    const Real e10 = exponential(v * Real(0.1));
    const Real h = Real(0.77 / 0.13) / (1 + exponential((v + Real(10.66)) * Real(-1 / 11.1)));
    const Real j = Real(0.6) * exponential(Real(0.057) * v) * e10 /
                   (e10 + Real(0.040762203978366216));  // e^-3.2
    return {h, j};
  }

  template <int Lanes>
  static TWIN_INLINE void inactivation(const Real* v, Real* rate_h, Real* rate_j) {
    int low = 0;
    for (int i = 0; i < Lanes; ++i) low += v[i] < -40;
    if (low > 0) {
#pragma omp simd
      for (int i = 0; i < Lanes; ++i) {
        const Inactivation rate = below(v[i] < -40 ? v[i] : Real(-40));
        rate_h[i] = rate.h, rate_j[i] = rate.j;
      }
    }
    if (low < Lanes) {
#pragma omp simd
      for (int i = 0; i < Lanes; ++i) {
        const Inactivation rate = above(v[i] > -40 ? v[i] : Real(-40));
        const bool here = !(v[i] < -40);
        rate_h[i] = here ? rate.h : rate_h[i];
        rate_j[i] = here ? rate.j : rate_j[i];
      }
    }
  }

  // The gate after a step of `ratio` = dt / tau towards `target`.
  static TWIN_INLINE Real moved(Real gate, Real target, Real ratio) {
    return gate + (target - gate) * decay(ratio);
  }

  static TWIN_INLINE void gates(Real* s, int64_t n, Real v, Real ca_ss, Real rate_h, Real rate_j,
                                Real endocardial, Real dt) {
    const Powers e(v);
    // Delayed rectifiers.
    s[Xr1 * n] = moved(s[Xr1 * n], e.e7 / (e.e7 + Real(0.024372844073279600)),
                       dt * (1 + Real(0.011108996538242306) / e.e10) *
                           (1 + exponential((v + 30) * Real(1 / 11.5))) * Real(1 / 2700.0));
    s[Xr2 * n] = moved(s[Xr2 * n], 1 / (1 + exponential((v + 88) * Real(1 / 24.0))),
                       dt * (1 + Real(0.049787068367863944) / e.e20) *
                           (1 + e.e20 * Real(0.049787068367863944)) * Real(1 / 3.36));
    const Real tau_xs =
        1400 / (root(1 + Real(2.3009758908928246) / e.e6) *
                (1 + Real(0.096971967864405024) / e.i15)) + 80;
    s[Xs * n] = moved(s[Xs * n], e.e14 / (e.e14 + Real(0.69967253737513047)), dt / tau_xs);
    // Fast sodium.
    const Real a_m = 1 + Real(6.1442123533282098e-6) / e.e5;
    const Real b_m = 1 + e.e5 * Real(1096.6331584284585);
    const Real c_m = 1 + exponential((v - 50) * Real(1 / 200.0));
    const Real m = 1 / (1 + exponential((v + Real(56.86)) * Real(-1 / 9.03)));
    s[M * n] = moved(s[M * n], m * m, dt * 10 * a_m * b_m * c_m / (b_m + c_m));
    const Real shut = 1 / (1 + exponential((v + Real(71.55)) * Real(1 / 7.43)));
    s[H * n] = moved(s[H * n], shut * shut, dt * rate_h);
    s[J * n] = moved(s[J * n], shut * shut, dt * rate_j);
    // L-type calcium.
    const Real a_d = Real(1.4) / (1 + exponential((v + 35) * Real(-1 / 13.0))) + Real(0.25);
    const Real tau_d = a_d * Real(1.4) / (1 + e.e5 * Real(2.7182818284590452)) +
                       e.e20 / (e.e20 + Real(12.182493960703473));
    s[D * n] = moved(s[D * n], 1 / (1 + Real(0.34415378686541236) * e.i7_5), dt / tau_d);
    const Real q = (v + 27) * (v + 27);
    const Real late = 1 / (1 + e.e10 * Real(20.085536923187668));
    const Real tau_f = Real(1102.5) * exponential(q * Real(-1 / 225.0)) + 20 +
                       200 * e.e10 * Real(0.27253179303401261) /
                           (1 + e.e10 * Real(0.27253179303401261)) + 180 * late;
    s[F * n] = moved(s[F * n], 1 / (1 + e.e7 * Real(17.411708063327640)), dt / tau_f);
    const Real tau_f2 = 562 * exponential(q * Real(-1 / 240.0)) +
                        31 * e.e10 / (e.e10 + Real(12.182493960703473)) + 80 * late;
    s[F2 * n] = moved(s[F2 * n], Real(0.67) / (1 + e.e7 * Real(148.41315910257660)) + Real(0.33),
                      dt / tau_f2);
    const Real bound = 1 / (1 + ca_ss * ca_ss * 400);
    s[FSS * n] = moved(s[FSS * n], Real(0.6) * bound + Real(0.4), dt / (80 * bound + 2));
    // Transient outward.
    const bool endo = endocardial > Real(0.5);
    const Real centre = v + (endo ? Real(67) : Real(45));
    const Real bell = exponential(-centre * centre * (endo ? Real(1 / 1000.0) : Real(1 / 320.0)));
    const Real tau_s = (endo ? Real(1000) : Real(85)) * bell + (endo ? Real(8) : Real(3)) +
                       (endo ? Real(0) : Real(5)) / (1 + e.e5 * Real(0.018315638888734180));
    const Real half_s = endo ? Real(270.42640742615254) : Real(54.598150033144239);
    s[S * n] = moved(s[S * n], 1 / (1 + e.e5 * half_s), dt / tau_s);
    const Real tau_r = Real(9.5) * exponential((v + 40) * (v + 40) * Real(-1 / 1800.0)) +
                       Real(0.8);
    s[R * n] = moved(s[R * n], e.e6 / (e.e6 + Real(28.031624894526125)), dt / tau_r);
  }

  static TWIN_INLINE Real buffered(Real calcium, Real buffer, Real affinity) {
    const Real q = (calcium + affinity) * (calcium + affinity);
    return q / (q + buffer * affinity);
  }

  // Potential and concentrations, by the currents through the gates as they stand.
  static TWIN_INLINE void flows(Real* s, int64_t n, const Real* g, int64_t pn, Real stimulus,
                                Real dt) {
    constexpr double kRTF = 8314.472 * 310.0 / 96485.3415, kFaraday = 96485.3415;
    const Real v = s[V * n], na = s[Na * n], k = s[K * n], ca = s[Ca * n];
    const Real ca_ss = s[CaSS * n], ca_sr = s[CaSR * n], release_gate = s[RR * n];
    const Real e_na = Real(kRTF) * logarithm(140 / na);
    const Real e_k = Real(kRTF) * logarithm(Real(5.4) / k);
    const Real e_ks = Real(kRTF) * logarithm(Real(9.6) / (k + Real(0.03) * na));
    const Real e_ca = Real(0.5 * kRTF) * logarithm(2 / ca);

    const Real m = s[M * n];
    const Real i_na = g[kSodium * pn] * m * m * m * s[H * n] * s[J * n] * (v - e_na);
    const Real to_k = v - e_k;
    const Real i_to = g[kOutward * pn] * s[R * n] * s[S * n] * to_k;
    const Real i_ks = g[kSlow * pn] * s[Xs * n] * s[Xs * n] * (v - e_ks);
    const Real i_kr = g[kRapid * pn] * s[Xr1 * n] * s[Xr2 * n] * to_k;
    // Powers of e^(to_k / 50); the argument 0.0002 (to_k + 100) is small.
    const Real q = exponential(Real(0.02) * to_k), q2 = q * q, q3 = q2 * q, q5 = q3 * q2;
    const Real q10 = q5 * q5, q25 = q10 * q10 * q5;
    const Real y = Real(0.0002) * (to_k + 100);
    const Real slight = 1 + y * (1 + y * (Real(0.5) + y * (Real(1 / 6.0) + y * (Real(1 / 24.0) +
                        y * (Real(1 / 120.0) + y * (Real(1 / 720.0) + y * Real(1 / 5040.0)))))));
    const Real a_k1 = Real(0.1) / (1 + q3 * Real(6.1442123533282098e-6));
    const Real b_k1 = (3 * slight + q5 * Real(0.36787944117144232)) * q25 / (q25 + 1);
    const Real i_k1 = g[kRectifier * pn] * a_k1 / (a_k1 + b_k1) * to_k;
    const Real i_pk = Real(0.0146) * to_k / (1 + exponential((25 - v) * Real(1 / 5.98)));
    // Powers of e^(v / 20) with v in units of RT/F.
    const Real x = v * Real(1 / kRTF);
    const Real p = exponential(Real(0.05) * x), p2 = p * p, p4 = p2 * p2, p8 = p4 * p4;
    const Real p7 = p4 * p2 * p, p16 = p8 * p8, p20 = p16 * p4;
    const Real i_ca_l = channel(g[kCalcium * pn] * s[D * n] * s[F * n] * s[F2 * n] * s[FSS * n],
                                2 * (x - Real(15 / kRTF)),
                                p20 * p20 * Real(0.32529698149690259), ca_ss);
    const Real i_naca = 1000 * p7 *
                        (p20 * na * na * na * 2 - Real(140.0 * 140.0 * 140.0 * 2.5) * ca) /
                        (Real((87.5 * 87.5 * 87.5 + 140.0 * 140.0 * 140.0) * 3.38) *
                         (p20 + Real(0.1) * p7));
    const Real i_nak = Real(2.724 * 5.4 / 6.4) * na * p20 /
                       ((na + 40) * (p20 + Real(0.1245) * p16 * p2 + Real(0.0353)));
    const Real i_pca = Real(0.1238) * ca / (Real(0.0005) + ca);
    const Real i_bna = Real(0.00029) * (v - e_na), i_bca = Real(0.000592) * (v - e_ca);

    const Real sodium_in = i_na + i_bna + 3 * (i_nak + i_naca);
    const Real potassium_out = i_k1 + i_to + i_kr + i_ks - 2 * i_nak + i_pk;
    const Real calcium_in = i_bca + i_pca - 2 * i_naca;
    s[V * n] = v + dt * (stimulus - (sodium_in + potassium_out + calcium_in + i_ca_l));

    constexpr double kCharge = 0.185 / (0.016404 * kFaraday);
    const Real q_sr = ca_sr * ca_sr;
    const Real opening = Real(2.5) - Real(1.5) * q_sr / (q_sr + Real(2.25));
    const Real k1_ca = Real(0.15) / opening * ca_ss * ca_ss, k2 = Real(0.045) * opening;
    const Real release = Real(0.102) * k1_ca * release_gate / (Real(0.06) + k1_ca) *
                         (ca_sr - ca_ss);
    const Real uptake = Real(0.006375) * ca * ca / (ca * ca + Real(0.00025 * 0.00025));
    const Real leak = Real(0.00036) * (ca_sr - ca);
    const Real transfer = Real(0.0038) * (ca_ss - ca);
    const Real membrane = calcium_in * Real(-kCharge / 2);
    const Real store = (leak - uptake) * Real(0.001094 / 0.016404);
    const Real subspace = i_ca_l * Real(-0.185 / (2 * 0.00005468 * kFaraday)) +
                          release * Real(0.001094 / 0.00005468) -
                          transfer * Real(0.016404 / 0.00005468);
    s[Ca * n] = ca + dt * buffered(ca, Real(0.2), Real(0.001)) * (membrane + store + transfer);
    s[RR * n] = release_gate + dt * (Real(0.005) * (1 - release_gate) - k2 * ca_ss * release_gate);
    s[CaSR * n] = ca_sr + dt * buffered(ca_sr, 10, Real(0.3)) * (uptake - release - leak);
    s[CaSS * n] = ca_ss + dt * buffered(ca_ss, Real(0.4), Real(0.00025)) * subspace;
    s[Na * n] = na - dt * Real(kCharge) * sodium_in;
    s[K * n] = k - dt * Real(kCharge) * (potassium_out - stimulus);
  }

  // Goldman's flux: x is twice the potential less 15 mV, in units of RT/F.
  static TWIN_INLINE Real channel(Real open, Real x, Real exp_x, Real ca_ss) {
    return open * Real(2 * 96485.3415) * bernoulli(x, exp_x) * (Real(0.25) * ca_ss * exp_x - 2);
  }

  // The cells `dt` ms later; `stimulus` in mV/ms depolarises when positive.
  template <int Lanes>
  static TWIN_INLINE void step(Real* __restrict__ state, int64_t stride,
                               const Real* __restrict__ parameters, int64_t parameter_stride,
                               const Real* __restrict__ stimulus, Real dt) {
    Real v[Lanes], ca_ss[Lanes], rate_h[Lanes], rate_j[Lanes];
    for (int i = 0; i < Lanes; ++i) v[i] = state[i], ca_ss[i] = state[CaSS * stride + i];
    inactivation<Lanes>(v, rate_h, rate_j);
    // Currents flow through the gates as they are after the step: see the Python twin.
#pragma omp simd
    for (int i = 0; i < Lanes; ++i)
      gates(state + i, stride, v[i], ca_ss[i], rate_h[i], rate_j[i],
            parameters[kEndocardial * parameter_stride + i], dt);
#pragma omp simd
    for (int i = 0; i < Lanes; ++i)
      flows(state + i, stride, parameters + i, parameter_stride, stimulus[i], dt);
  }
};

}  // namespace
}  // namespace twin
