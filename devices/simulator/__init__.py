"""A pumped tank to look at: an honest process model behind a real Modbus TCP server. For demos and tests."""
