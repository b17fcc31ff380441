"""This gateway among the others: its lease, its users, orders and shutdown."""
