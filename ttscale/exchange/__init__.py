"""Exchange: reading what other tools wrote, and writing what they read."""
