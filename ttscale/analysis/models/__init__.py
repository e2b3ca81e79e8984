"""Models, prompts, temperatures compared on the same problems."""
