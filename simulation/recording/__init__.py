"""Electrocardiograms from the clinic: files, filters, beats, measures, faults, paper."""
