"""How times are written where a page says nothing of its own, the admin site above all (FORMAT_MODULE_PATH)."""
