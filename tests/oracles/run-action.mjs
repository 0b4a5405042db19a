// Runs an action in JavaScript under Node, with the packages that it requires as their authors publish them, and prints what
// it logged as JSON. Its requests go to an address on this machine, which records them.
//
//   NODE_EXTRA_CA_CERTS=ca.pem node run-action.mjs 127.0.0.1:PORT '{ "action": "action.js", "event": {…} }'

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { format } from "node:util";

import { pointProvidersAt } from "./provider-hosts.mjs";

const [address, settings] = process.argv.slice(2);
if (!address || !settings) {
  console.error("usage: node run-action.mjs 127.0.0.1:PORT SETTINGS-AS-JSON");
  process.exit(2);
}
pointProvidersAt(address);

const { action, event } = JSON.parse(settings);
const log = [];
console.log = (...values) => log.push(format(...values));
const module = { exports: {} };
const source = readFileSync(action, "utf8");
new Function("exports", "require", "module", source)(module.exports, createRequire(import.meta.url), module);
await module.exports.onExecuteCustomPhoneProvider(event, {});
process.stdout.write(JSON.stringify(log));
