"""What infers an infarct from an ECG, measured side by side: parts, rivals, scores, one table."""
