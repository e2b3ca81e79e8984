"""The share of problems solved within k samples, its mixtures over arms and its limits."""
