"""What to do with it: the best buy, and sums spread over arms."""
