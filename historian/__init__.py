"""What tags were: samples become history, and history becomes lines, aggregates and files (docs/history.md)."""
