"""Where things run: processes, their environment and randomness, the sandbox, a client of HTTP servers."""
