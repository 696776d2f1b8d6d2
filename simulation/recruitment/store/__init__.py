"""A cohort's folder: its files, and how they are read, checked, copied and shown."""
