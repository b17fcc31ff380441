"""Listeners: a listener opens a port, turns bytes into lines, and gives each peer a link."""
