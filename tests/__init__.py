"""A package, so that nobody else's top-level ``tests`` can come before it."""
