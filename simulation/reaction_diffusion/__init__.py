"""The parts of `monodomain.Monodomain` and `reaction_eikonal.ReactionEikonal`."""
