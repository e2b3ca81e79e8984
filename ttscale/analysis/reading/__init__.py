"""The one way into a cell: which verdicts count, its samples beside them, its counts."""
