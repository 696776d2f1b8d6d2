"""From a solid, given by its signed distance, to tetrahedra."""
