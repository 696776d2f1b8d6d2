"""C++ kernels: plain C++17 headers, their XLA FFI bindings, and the module that holds both.

It lies under the four floors and imports none of them. All validation and every pure-JAX
counterpart live beside the Python function that calls a kernel.
"""

try:
    from twin.native import _kernels as kernels  # type: ignore[attr-defined]
except ImportError:  # a checkout that was not built: the pure-JAX counterparts serve
    kernels = None

__all__ = ["kernels"]
