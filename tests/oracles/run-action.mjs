// Runs actions in JavaScript under Node, with the packages that they require as their authors publish them. Reads lines of JSON,
// { "action": "action.js", "event": {…} }, and answers each with what was logged and what came of it:
// { "log": […], "outcome": "sent" | { "drop": … } | { "retry": … } | { "error": … } }. Requests go to an address on this machine,
// which records them.
//
//   NODE_EXTRA_CA_CERTS=ca.pem node run-action.mjs 127.0.0.1:PORT

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { format } from "node:util";

import { pointProvidersAt } from "./provider-hosts.mjs";

const [address] = process.argv.slice(2);
if (!address) {
  console.error("usage: node run-action.mjs 127.0.0.1:PORT");
  process.exit(2);
}
pointProvidersAt(address);

let log;
for (const method of ["debug", "error", "info", "log", "warn"]) {
  console[method] = (...values) => log.push(format(...values));
}

async function run({ action, event }) {
  log = [];
  let outcome = "sent";
  const notification = {
    drop: (reason) => { outcome = { drop: reason }; },
    retry: (reason) => { outcome = { retry: reason }; },
  };
  const module = { exports: {} };
  const source = readFileSync(action, "utf8");
  new Function("exports", "require", "module", source)(module.exports, createRequire(import.meta.url), module);
  try {
    await module.exports.onExecuteCustomPhoneProvider(event, { notification });
  } catch (error) {
    outcome = { error: String(error) };
  }
  return { log, outcome };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line)))}\n`);
}
