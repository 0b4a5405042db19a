// What the other parts have in common, and the globals that need nothing else.
(function (host, internals) {
  'use strict';

  // A global as the web has it: there, changeable, and not enumerated.
  internals.expose = (name, value) => {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  };
  const { expose } = internals;

  // Top-level code runs when the action is built, where there is nothing to wait for and nobody to send to.
  internals.inHandler = false;
  internals.onlyInHandler = (what) => {
    if (!internals.inHandler) {
      throw new Error(`${what} is there only inside the handler: top-level code runs once, when the action is built`);
    }
  };

  // ---- The stacks of errors, as V8 has them: what it is, then a line for each frame, of the action's own alone.

  const { get: rawStack } = Object.getOwnPropertyDescriptor(Error.prototype, 'stack');
  const own = (value) => ({ value, writable: true, configurable: true, enumerable: false });
  const { getPrototypeOf, hasOwn } = Object;
  const { prototype } = Error;
  const { toString } = prototype;
  // Nothing is iterated over where an error is told: an action may have taken the iterators away.
  const withHead = (error, raw) => {
    const frames = raw.split('\n').filter((line) => line !== '' && !/\((native|missing|phonebox:.*)\)$/.test(line));
    // What made the error itself is no place that it comes from.
    const makers = [];
    for (let at = getPrototypeOf(error); at !== null && at !== prototype; at = getPrototypeOf(at)) {
      if (hasOwn(at, 'constructor') && typeof at.constructor === 'function') makers.push(at.constructor.name);
    }
    while (frames.length > 0 && makers.includes(/^ +at (\S+) \(/.exec(frames[0])?.[1])) frames.shift();
    frames.unshift(toString.call(error));
    return frames.map((frame) => frame.replace(/at <anonymous> \((.*)\)$/, 'at $1')).join('\n');
  };
  Object.defineProperty(Error.prototype, 'stack', {
    get() {
      const raw = this === Error.prototype ? undefined : rawStack.call(this);
      if (typeof raw !== 'string') return raw;
      const stack = withHead(this, raw);
      Reflect.defineProperty(this, 'stack', own(stack));
      return stack;
    },
    set(value) { Reflect.defineProperty(this, 'stack', own(value)); },
    configurable: true, enumerable: false,
  });
  const { captureStackTrace: capture } = Error;
  Error.captureStackTrace = function captureStackTrace(target, until) {
    capture(target, until);
    const { value } = Object.getOwnPropertyDescriptor(target, 'stack') ?? {};
    if (typeof value === 'string') Object.defineProperty(target, 'stack', own(withHead(target, value)));
  };

  // An error's frames that are in the action's own file, or in a module's: `helper (action.js:3:10)`.
  const framesOf = (error) => {
    const stack = error !== null && typeof error === 'object' && typeof error.stack === 'string' ? error.stack : '';
    const frames = stack.split('\n').map((line) => /^\s*at (.*(?:action\.js|actions:.+):\d+(?::\d+)?\)?)$/.exec(line)?.[1]);
    return frames.filter((frame) => frame !== undefined);
  };

  const messageOf = (thrown) => {
    if (!(thrown instanceof Error || thrown instanceof DOMException)) {
      return typeof thrown === 'string' ? thrown : internals.inspect(thrown);
    }
    if (thrown.phoneboxId !== undefined) return thrown.message;
    const head = thrown.message ? `${thrown.name}: ${thrown.message}` : `${thrown.name}`;
    if (thrown instanceof ReferenceError && thrown.message === 'await is not defined') {
      return `${head}: it is there in async functions only`;
    }
    const cause = thrown.cause;
    return cause instanceof Error && cause.message ? `${head}: ${cause.message}` : head;
  };

  // [id, message, line, column, module] of what was thrown. In a run the message says where, as nothing else does.
  internals.describe = (thrown) => {
    const frames = framesOf(thrown);
    const at = frames.length > 0 ? /(?:actions:(.+?))?:(\d+)(?::(\d+))?\)?$/.exec(frames[0]) : null;
    let message = messageOf(thrown);
    if (internals.inHandler && frames.length > 0) message += `, at ${frames.slice(0, 4).join(' < ')}`;
    const id = (thrown !== null && typeof thrown === 'object' && thrown.phoneboxId) ||
      (thrown instanceof SyntaxError ? 'syntax_error' : 'top_level_error');
    // Where the engine has no place but that of the function around it, line 0 is that of the whole module.
    const placed = at !== null && at[2] !== '0';
    return [id, message.toWellFormed(), placed ? Number(at[2]) : undefined, placed && at[3] ? Number(at[3]) : undefined, at?.[1]];
  };

  // Promises that were rejected with nobody to hear of it, and why.
  const { apply } = Reflect;
  const { delete: remove, forEach, set } = Map.prototype;
  const unheard = new Map();
  internals.rejected = (promise, reason, heard) => {
    if (heard) apply(remove, unheard, [promise]);
    else apply(set, unheard, [promise, reason]);
  };
  internals.eachUnheard = (tell) => apply(forEach, unheard, [tell]);

  internals.buildError = (id, message) => {
    const error = new Error(message);
    Object.defineProperty(error, 'phoneboxId', { value: id });
    return error;
  };

  // What a snapshot or a fixed seed would repeat is drawn from the host.
  const { random } = {
    random() {
      const bytes = host.random(7);
      let high = bytes[0] & 0x1f;
      for (let index = 1; index < 7; index += 1) high = high * 256 + bytes[index];
      return high / 2 ** 53;
    },
  };
  Object.defineProperty(Math, 'random', own(random));

  // The engine's own error says nothing. It is given its message before whoever waits for the promise has it.
  const { defineProperty } = Object;
  const Native = Promise;
  const { any } = Native;
  const explain = async (promise) => {
    try { await promise; } catch (error) {
      if (error instanceof AggregateError && error.message === '') defineProperty(error, 'message', own('All promises were rejected'));
    }
  };
  const { any: explained } = {
    any(promises) {
      const promise = apply(any, this, [promises]);
      if (this === Native) explain(promise);
      return promise;
    },
  };
  Object.defineProperty(Promise, 'any', own(explained));

  // It begins when it is first asked. The engine's own began with the memory that all runs begin with.
  let began;
  const origin = () => (began ??= host.now());
  expose('performance', {
    now: () => { const since = origin(); return host.now() - since; },
    get timeOrigin() { return origin(); },
    toJSON: () => ({ timeOrigin: origin() }),
  });

  const process = {
    argv: [], env: {}, exitCode: undefined, pid: 1, platform: 'linux', arch: 'wasm32', title: 'phonebox',
    version: 'v22.0.0', versions: { node: '22.0.0' }, release: { name: 'node' },
    cwd: () => '/', uptime: () => 0, memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0 }),
    nextTick: (callback, ...values) => queueMicrotask(() => callback(...values)),
    emitWarning: (warning) => console.warn(`Warning: ${warning instanceof Error ? warning.message : warning}`),
    exit: () => { throw new Error('process.exit is not available in phonebox actions: return from the handler'); },
    on: () => process, once: () => process, off: () => process, removeListener: () => process, emit: () => false,
    hrtime: Object.assign((since) => {
      const now = host.now();
      const [seconds, nanoseconds] = [Math.floor(now / 1000), (now % 1000) * 1e6];
      if (since === undefined) return [seconds, nanoseconds];
      const passed = (seconds - since[0]) * 1e9 + (nanoseconds - since[1]);
      return [Math.floor(passed / 1e9), passed % 1e9];
    }, { bigint: () => BigInt(host.now()) * 1000000n }),
  };
  expose('process', process);
  expose('global', globalThis);

  // ---- structuredClone

  const failed = (value) => new DOMException(`${internals.inspect(value)} could not be cloned.`, 'DataCloneError');
  const clone = (value, seen) => {
    if (typeof value === 'function' || typeof value === 'symbol') throw failed(value);
    if (value === null || typeof value !== 'object') return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (copy) => { seen.set(value, copy); return copy; };
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (ArrayBuffer.isView(value)) {
      const buffer = clone(value.buffer, seen);
      const Kind = Object.getPrototypeOf(value) === Buffer.prototype ? Uint8Array : value.constructor;
      return keep(new Kind(buffer, value.byteOffset, value.length ?? value.byteLength));
    }
    if (value instanceof Boolean || value instanceof Number || value instanceof String) return keep(Object(value.valueOf()));
    if (value instanceof Map) {
      const copy = keep(new Map());
      for (const [key, of] of [...value]) copy.set(clone(key, seen), clone(of, seen));
      return copy;
    }
    if (value instanceof Set) {
      const copy = keep(new Set());
      for (const of of [...value]) copy.add(clone(of, seen));
      return copy;
    }
    if (value instanceof Error) {
      const kinds = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
      const copy = keep(new (kinds[value.name] ?? Error)(value.message));
      for (const key of ['stack', 'cause']) {
        if (key in value) Object.defineProperty(copy, key, { value: clone(value[key], seen), writable: true, configurable: true });
      }
      return copy;
    }
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) throw failed(value);
    const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
    for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
    return copy;
  };
  expose('structuredClone', function structuredClone(value) { return clone(value, new Map()); });
})
