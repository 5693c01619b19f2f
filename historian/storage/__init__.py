"""Where history lies: tables of our own on SQLite or PostgreSQL, the same on both (docs/history.md). No Django."""
