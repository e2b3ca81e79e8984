"""Pipeline: the glue that samples, verifies and resumes. Each stage also runs alone."""
