// What calls cost in Node: `node node.js SOURCE CALLS`. Prints the microseconds of one call each: in a new context, and in a
// new worker. A context is no boundary that would hold what somebody uploaded.
'use strict';
const { readFileSync } = require('node:fs');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');

const [source, calls] = [readFileSync(process.argv[2], 'utf8'), Number(process.argv[3])];
const event = JSON.parse(process.argv[4]);
const body = `(function (exports, require, module) {${source}\n})`;
const quiet = { log() {} };
const script = new vm.Script(body);

const inContext = async () => {
  const globals = { console: quiet, Buffer, URLSearchParams, Response };
  const module = { exports: {} };
  script.runInContext(vm.createContext(globals))(module.exports, require, module);
  await module.exports.onExecuteCustomPhoneProvider(event, {});
};
const inWorker = () => new Promise((resolve, reject) => {
  const code = `const { workerData } = require('node:worker_threads'); console.log = () => {};
    const module_ = { exports: {} }; ${body}(module_.exports, require, module_);
    module_.exports.onExecuteCustomPhoneProvider(workerData, {}).then(() => process.exit(0));`;
  new Worker(code, { eval: true, workerData: event }).once('error', reject).once('exit', resolve);
});
const median = async (call, count) => {
  const took = [];
  for (let number = 0; number < count; number += 1) {
    const began = process.hrtime.bigint();
    await call();
    took.push(Number(process.hrtime.bigint() - began) / 1000);
  }
  return took.sort((one, other) => one - other)[took.length >> 1];
};
(async () => {
  await median(inContext, 20);
  console.log(await median(inContext, calls), await median(inWorker, Math.ceil(calls / 20)));
})();
