// The Python module of the kernels: each kernel's own *_bind.cpp adds its XLA FFI handlers.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void add_eikonal(nb::module_& m, nb::dict& handlers);
void add_passage(nb::dict& handlers);
void add_cells(nb::dict& handlers);
void add_monodomain(nb::dict& handlers);

NB_MODULE(_kernels, m) {
  m.doc() = "C++ kernels as XLA FFI handlers; use them through their Python modules.";
  nb::dict handlers;
  add_eikonal(m, handlers);
  add_passage(handlers);
  add_cells(handlers);
  add_monodomain(handlers);
  m.attr("handlers") = handlers;
}
