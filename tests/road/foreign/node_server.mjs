// A Modbus TCP server by jsmodbus, for tests/road: `node node_server.mjs PORT`. Prints {} when it listens. Then one JSON
// line of stdin sets consecutive places: {"table": "holding", "address": 0, "values": [1, 2]}, answered by {}.
import net from "node:net";
import readline from "node:readline";
import jsmodbus from "jsmodbus";

const tables = {
  coil: Buffer.alloc(64),
  discrete: Buffer.alloc(64),
  holding: Buffer.alloc(1024),
  input: Buffer.alloc(1024),
};
const listener = new net.Server();
new jsmodbus.server.TCP(listener, {
  coils: tables.coil,
  discrete: tables.discrete,
  holding: tables.holding,
  input: tables.input,
});

function setBit(buffer, address, isOn) {
  const mask = 1 << (address % 8);
  buffer[address >> 3] = isOn ? buffer[address >> 3] | mask : buffer[address >> 3] & ~mask;
}

function set({ table, address, values }) {
  const isBits = table === "coil" || table === "discrete";
  values.forEach((value, i) => {
    if (isBits) setBit(tables[table], address + i, value);
    else tables[table].writeUInt16BE(value, 2 * (address + i));
  });
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  set(JSON.parse(line));
  console.log("{}");
}).on("close", () => process.exit(0));
listener.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("{}"));
