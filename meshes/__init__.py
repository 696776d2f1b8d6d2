"""Anatomy: hearts, torsos and atria; make, read, check, coordinates, fibres."""
