"""What is known at every place in a heart: labels, coordinates, segments, fibres."""
