"""Connecting to a host: shared by the client and the gateway (for Redis)."""
