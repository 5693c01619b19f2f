"""The live hub: from the bus to every browser that watches. docs/live.md is its protocol."""
