// The instruction sets that the inner loops are compiled for, and the widest that this machine has.
#pragma once
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace twin {

enum class Instructions { baseline, avx2, avx512 };

// The widest set of this machine, or the one that TWIN_SIMD names.
inline Instructions choose_instructions() {
  const char* wish = std::getenv("TWIN_SIMD");
  const std::string name = wish ? wish : "";
#ifdef TWIN_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (avx512 && (name.empty() || name == "avx512")) return Instructions::avx512;
  if (avx2 && (name.empty() || name == "avx2")) return Instructions::avx2;
#endif
  if (name.empty() || name == "baseline") return Instructions::baseline;
  throw std::invalid_argument("TWIN_SIMD=" + name +
                              ": this machine or build has no such instruction set; expected "
                              "avx512, avx2 or baseline");
}

}  // namespace twin
