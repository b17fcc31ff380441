"""The picture of the README: two people talk, and an SVG shows it."""
