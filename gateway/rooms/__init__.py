"""The rooms that are open on this gateway: who is in them, what holds there, who may do what."""
