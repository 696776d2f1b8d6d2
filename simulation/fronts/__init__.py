"""The eikonal solver: meshes made ready, sources, kernels and their JAX twin."""
