"""Teaching the network: from a cohort to weights."""
