"""IRC, so that people can take part with its clients."""
