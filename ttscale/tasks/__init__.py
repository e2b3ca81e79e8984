"""Tasks: a data set, its prompt and its answer key, as problems."""
