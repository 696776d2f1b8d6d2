"""Activation, re-entry and the ECG of left atria."""
