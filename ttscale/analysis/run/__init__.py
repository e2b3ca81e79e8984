"""One run: its curves, laws, outlook and comparison as one result."""
