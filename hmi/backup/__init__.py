"""Backup and restore: one portable file for SQLite and PostgreSQL, checked before anything is touched."""
