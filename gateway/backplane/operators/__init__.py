"""What the commands of operators do in Redis: none of it runs in a gateway."""
