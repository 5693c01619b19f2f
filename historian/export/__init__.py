"""History as files and streams that other programs read."""
