"""A Redis of the gateway's own."""
