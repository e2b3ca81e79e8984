"""Mathematical answers: read as a whole or not at all, named by their value, compared."""
