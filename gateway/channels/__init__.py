"""Channels: where lines are published, who gets them, in which order, and what was missed."""
