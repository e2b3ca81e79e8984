"""What the code verifier runs inside its two sandboxes: standard library only."""
