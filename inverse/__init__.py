"""Learning: from an ECG and a heart to what they say about the myocardium."""
