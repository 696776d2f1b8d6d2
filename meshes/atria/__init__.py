"""Left atria: their shape, surface, regions, coordinates, fibres and tissue."""
