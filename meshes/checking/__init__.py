"""Faults of meshes: found, named, counted, located, and mended."""
