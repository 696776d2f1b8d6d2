"""Who is in a cohort: patients, their days and illnesses, and the cases these make."""
