"""Physics: activation, repolarisation, lead fields, the ECG, infarcts and cohorts."""
