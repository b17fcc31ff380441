"""What people see, and what a line means that they type. Pure."""
