"""The HTTP port, for those who look after the gateway."""
