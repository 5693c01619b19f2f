// A Modbus TCP server by modbus-serial: `node modbus_serial_server.mjs PORT`. Answers as every unit. Prints {} when it
// listens. Then one JSON line of stdin sets consecutive places, as in python_server.py, answered by {}.
import readline from "node:readline";
import modbusSerial from "modbus-serial";

const tables = { coil: [], discrete: [], holding: [], input: [] };
const read = (table, nothing) => (address) => tables[table][address] ?? nothing;
const server = new modbusSerial.ServerTCP(
  {
    getCoil: read("coil", false),
    getDiscreteInput: read("discrete", false),
    getHoldingRegister: read("holding", 0),
    getInputRegister: read("input", 0),
  },
  { host: "127.0.0.1", port: Number(process.argv[2]), unitID: 255 },
);

function set({ table, address, values }) {
  const isBits = table === "coil" || table === "discrete";
  values.forEach((value, i) => {
    tables[table][address + i] = isBits ? Boolean(value) : value;
  });
}

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    set(JSON.parse(line));
    console.log("{}");
  })
  .on("close", () => process.exit(0));
server.on("initialized", () => console.log("{}"));
