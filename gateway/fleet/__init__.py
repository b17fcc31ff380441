"""What this gateway is to the others."""
