// The Python module of the kernels: each kernel's own *_bind.cpp adds its XLA FFI handlers.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(_kernels, m) {
  m.doc() = "C++ kernels as XLA FFI handlers; use them through their Python modules.";
}
