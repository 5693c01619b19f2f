"""What crosses a process border: messages, keys, latest values, streams, leases, presence. Knows no Django."""
