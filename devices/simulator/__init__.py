"""Northgate waterworks: an honest process model behind real Modbus TCP devices. For demos and tests."""
