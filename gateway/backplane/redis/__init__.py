"""The backplane kept with Redis."""
