"""Parts of `Infarct`: where it lies, how deep it goes, what is around it, and what it does."""
