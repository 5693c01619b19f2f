"""What crosses a process border: messages, keys, latest values, streams, leases, presence. Knows no Django.

Also what every process needs to live beside the others: its role, its parent, its heartbeat, the embedded Valkey.
"""
