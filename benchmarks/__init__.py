"""The bars, measured: one module a suite, run by `twin bench SUITE`."""
