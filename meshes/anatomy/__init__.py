"""Hearts that nobody has: ventricles from sizes, and a population of them."""
