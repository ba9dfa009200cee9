"""The notebooks, and the `tapestry` command that hands them out."""
