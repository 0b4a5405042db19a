// The oracle: runs actions in Node, with Auth0's documented semantics of `event` and `api` around them, and tells what
// happened as JSON, one line a folder.
//
//     node tests/conformance/node.js FOLDER…            tells
//     node tests/conformance/node.js --write FOLDER…    writes it to the folders' expect.json, and keeps their `ours`
//
// Whatever name an action requests leads to a server of this process, which answers from the folder's answers.json; port
// 8001 of any name is closed.
'use strict';

const { Console } = require('node:console');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { Writable } = require('node:stream');
const vm = require('node:vm');

const HANDLER = 'onExecuteCustomPhoneProvider';
// What a client says of itself, which is no two clients' same.
const UNSAID = new Set(['accept-encoding', 'accept-language', 'connection', 'content-length', 'host', 'sec-fetch-mode', 'transfer-encoding', 'user-agent']);
const LEVELS = { debug: 'debug', warn: 'warn', error: 'error', trace: 'error', assert: 'error' };

const connect = net.connect;
let server;
net.connect = net.createConnection = (options, ...rest) =>
  connect.call(net, { ...options, host: '127.0.0.1', port: Number(options.port) === 8001 ? 1 : server.address().port }, ...rest);

// ---- the provider

let answers = [];
let requests = [];
async function answer(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !UNSAID.has(name)).sort());
  if (request.url === '/hold') return;
  requests.push({ method: request.method, url: `http://${request.headers.host}${request.url}`, headers, body: Buffer.concat(chunks).toString() });
  const at = answers.findIndex(({ to }) => to === undefined || to === request.url);
  const [{ status = 200, headers: more = {}, body = '', json, cut = false }] = at < 0 ? [{}] : answers.splice(at, 1);
  const bytes = Buffer.from(json === undefined ? body : JSON.stringify(json));
  response.writeHead(status, { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...more, ...(cut ? { 'content-length': bytes.length + 1 } : {}) });
  if (cut) response.write(bytes, () => response.destroy());
  else response.end(bytes);
}

// ---- what Auth0 gives

function capture(log) {
  let level;
  const out = new Writable({
    write(chunk, _, done) {
      const text = chunk.toString().replace(/\n$/, '');
      if (text !== '') log.push(...text.replace(/\n$/, '').split('\n').map((line) => `${level}: ${line}`));
      done();
    },
  });
  const inner = new Console({ stdout: out, stderr: out, colorMode: false });
  const methods = Object.entries(inner).filter(([, value]) => typeof value === 'function');
  return Object.fromEntries(methods.map(([name, method]) => [name, (...values) => { level = LEVELS[name] ?? 'info'; return method(...values); }]));
}

function cacheOf() {
  const records = new Map();
  const bytes = (text) => Buffer.byteLength(text);
  const error = (code) => ({ type: 'error', code });
  return {
    get(key) {
      const record = records.get(key);
      return record === undefined || record.expires_at <= Date.now() ? undefined : { ...record };
    },
    set(key, value, { ttl, expires_at } = {}) {
      if (bytes(key) > 64) return error('CacheKeySizeExceeded');
      if (bytes(value) > 4096) return error('CacheValueSizeExceeded');
      let total = bytes(key) + bytes(value);
      for (const [of, record] of records) total += bytes(of) + bytes(record.value);
      if (total > 16640) return error('CacheSizeExceeded');
      if (ttl !== undefined && !Number.isFinite(ttl)) return error('InvalidExpiry');
      if (expires_at !== undefined && !Number.isFinite(expires_at)) return error('InvalidExpiry');
      const given = [ttl === undefined ? Infinity : Date.now() + ttl, expires_at ?? Infinity].map(Math.floor);
      const expiry = Math.min(...given) === Infinity ? Date.now() + 900000 : Math.min(...given);
      if (expiry <= Date.now()) return error('ItemAlreadyExpired');
      if (!Number.isSafeInteger(expiry)) return error('InvalidExpiry');
      records.set(key, { value, expires_at: expiry });
      return { type: 'success', record: { value, expires_at: expiry } };
    },
    delete: (key) => (records.delete(key) ? { type: 'success' } : error('CacheKeyDoesNotExist')),
  };
}

const thrown = (error) => {
  if (!(error instanceof Error)) return { error: String(error) };
  const line = /action\.js:(\d+)/.exec(error.stack)?.[1];
  return { error: error.message ? `${error.name}: ${error.message}` : error.name, ...(line === undefined ? {} : { line: Number(line) }) };
};

// Which the author has to mend, before anything can be sent.
function handlerOf(source, console) {
  let load;
  try {
    load = vm.compileFunction(source, ['exports', 'require', 'module', '__filename', '__dirname', 'console'], { filename: 'action.js' });
  } catch {
    return { build: 'syntax_error' };
  }
  const module = { exports: {} };
  try {
    load.call(module.exports, module.exports, require, module, 'action.js', '/', console);
  } catch {
    return { build: 'top_level_error' };
  }
  const { exports } = module;
  if (exports === null || (typeof exports !== 'object' && typeof exports !== 'function')) return { build: 'invalid_exports' };
  const handler = exports[HANDLER];
  if (handler === undefined) return { build: 'missing_handler' };
  if (typeof handler !== 'function' || handler.constructor.name !== 'AsyncFunction') return { build: 'invalid_handler' };
  return { handler };
}

async function run(folder) {
  const read = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
  const or = (name, other) => (fs.existsSync(path.join(folder, name)) ? JSON.parse(read(name)) : other);
  const event = or('event.json', JSON.parse(fs.readFileSync(path.join(__dirname, 'event.json'), 'utf8')));
  for (const [name, secret] of Object.entries(event.secrets)) event.secrets[name] = secret.value ?? secret;
  answers = or('answers.json', []);
  requests = [];
  const log = [];
  const { handler, build } = handlerOf(read('action.js'), capture(log));
  if (build !== undefined) return { outcome: { build } };

  let outcome = 'sent';
  const reason = (text) => String(text ?? '').slice(0, 1024);
  const api = {
    notification: { drop: (text) => { outcome = { drop: reason(text) }; }, retry: (text) => { outcome = { retry: reason(text) }; } },
    cache: cacheOf(),
  };
  try {
    await handler(event, api);
  } catch (error) {
    outcome = thrown(error);
  }
  return { outcome, log: bare([...log]), requests: [...requests] };
}

// Without the frames of stacks, of which every engine has its own.
const bare = (lines) => lines.reduce((kept, line) => {
  const frame = /^\w+:\s+(?:at |\.\.\. \d+ lines matching ).*?( \{|,|\])?$/.exec(line);
  if (frame === null || kept.length === 0) kept.push(line);
  else kept[kept.length - 1] += frame[1] ?? '';
  return kept;
}, []);

async function main() {
  process.env = {};
  process.on('unhandledRejection', () => {});
  server = http.createServer(answer);
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  const folders = process.argv.slice(2).filter((argument) => argument !== '--write');
  for (const folder of folders) {
    const told = await run(folder);
    if (!process.argv.includes('--write')) {
      process.stdout.write(`${JSON.stringify(told)}\n`);
      continue;
    }
    const file = path.join(folder, 'expect.json');
    const { ours } = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    fs.writeFileSync(file, `${JSON.stringify({ ...told, ours }, null, 2)}\n`);
  }
  process.exit(0);
}

main();
