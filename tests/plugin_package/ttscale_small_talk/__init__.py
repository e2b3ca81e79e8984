"""A plugin package for ttscale; a pattern for your own."""
