"""Cell models: one a file, all with the signature of `cell.CellModel`."""
