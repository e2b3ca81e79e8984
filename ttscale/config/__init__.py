"""Configuration: one YAML file describes a run."""
