"""From potentials of a left atrium to the ECG without conductivity tensors, learned."""
