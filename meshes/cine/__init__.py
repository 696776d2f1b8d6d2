"""From the slices of a cine-MRI study to surfaces in space."""
