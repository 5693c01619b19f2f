"""Pages: what is looked up for them, and the views that show it."""
