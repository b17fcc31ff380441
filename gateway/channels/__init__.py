"""Where lines are published: who hears them, in which order, and what was missed."""
