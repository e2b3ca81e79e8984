"""What a child process of an engine runs first; its folder is put on the path of fresh interpreters."""
