"""What to draw next: pilots, rounds and plans."""
