"""The poller: reads every device on schedule and puts what it read on the bus (docs/decisions/0005-polling.md)."""
