"""What `twin infer` leaves behind: a page to read, its figures, and the heart with the infarct."""
