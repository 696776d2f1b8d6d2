"""How a cohort comes about: recipes, patients, their cases, and who works on them."""
