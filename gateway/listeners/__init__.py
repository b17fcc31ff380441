"""Listeners: each opens a port, turns its bytes into requests, and gives each peer a link."""
