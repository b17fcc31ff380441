"""One connected peer."""
