"""Admission: limits per address, bans, accounts and passwords."""
