// `require`: what Node has built in, as far as actions use it.
(function (host, internals) {
  'use strict';

  const querystring = {
    escape: (text) => encodeURIComponent(text),
    unescape: (text) => { try { return decodeURIComponent(text); } catch { return text; } },
    parse: (query, separator = '&', equals = '=') => {
      const parsed = Object.create(null);
      if (typeof query !== 'string' || query === '') return parsed;
      const plain = (text) => querystring.unescape(text.replaceAll('+', ' '));
      for (const part of query.split(separator)) {
        if (part === '') continue;
        const at = part.indexOf(equals);
        const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + equals.length)];
        const key = plain(name);
        if (key in parsed) parsed[key] = [].concat(parsed[key], plain(value));
        else parsed[key] = plain(value);
      }
      return parsed;
    },
    stringify: (object, separator = '&', equals = '=') => {
      if (object === null || typeof object !== 'object') return '';
      const text = (value) => (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint' || Number.isFinite(value) ? `${value}` : '');
      const one = (name, value) => `${querystring.escape(name)}${equals}${querystring.escape(text(value))}`;
      return Object.keys(object).map((name) => (Array.isArray(object[name]) ? object[name].map((value) => one(name, value)).join(separator) : one(name, object[name]))).filter((part) => part !== '').join(separator);
    },
  };
  querystring.decode = querystring.parse;
  querystring.encode = querystring.stringify;

  class EventEmitter {
    #listeners = new Map();
    on(name, listener) { this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]); return this; }
    once(name, listener) {
      const once = (...values) => { this.off(name, once); listener.apply(this, values); };
      once.listener = listener;
      return this.on(name, once);
    }
    off(name, listener) {
      const of = this.#listeners.get(name) ?? [];
      const at = of.findLastIndex((one) => one === listener || one.listener === listener);
      if (at >= 0) this.#listeners.set(name, of.toSpliced(at, 1));
      return this;
    }
    emit(name, ...values) {
      const of = this.#listeners.get(name) ?? [];
      if (of.length === 0 && name === 'error') throw values[0] instanceof Error ? values[0] : new Error(`Unhandled error. (${internals.inspect(values[0])})`);
      for (const listener of of) listener.apply(this, values);
      return of.length > 0;
    }
    addListener(name, listener) { return this.on(name, listener); }
    removeListener(name, listener) { return this.off(name, listener); }
    removeAllListeners(name) { if (name === undefined) this.#listeners.clear(); else this.#listeners.delete(name); return this; }
    prependListener(name, listener) { this.#listeners.set(name, [listener, ...(this.#listeners.get(name) ?? [])]); return this; }
    listeners(name) { return (this.#listeners.get(name) ?? []).map((one) => one.listener ?? one); }
    listenerCount(name) { return (this.#listeners.get(name) ?? []).length; }
    eventNames() { return [...this.#listeners.keys()]; }
    setMaxListeners() { return this; }
    static EventEmitter = EventEmitter;
    static defaultMaxListeners = 10;
  }

  const is = (kind) => (value) => value instanceof kind;
  const util = {
    format: internals.format,
    inspect: internals.inspect,
    promisify: (callback) => (...values) => new Promise((resolve, reject) => {
      callback(...values, (error, value) => (error ? reject(error) : resolve(value)));
    }),
    callbackify: (call) => (...values) => {
      const callback = values.pop();
      call(...values).then((value) => callback(null, value), (error) => callback(error));
    },
    deprecate: (call) => call,
    inherits: (kind, of) => { Object.setPrototypeOf(kind.prototype, of.prototype); kind.super_ = of; },
    isDeepStrictEqual: (one, other) => internals.inspect(one, { depth: null }) === internals.inspect(other, { depth: null }),
    types: { isDate: is(Date), isRegExp: is(RegExp), isPromise: is(Promise), isMap: is(Map), isSet: is(Set), isNativeError: is(Error), isUint8Array: is(Uint8Array), isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView) },
    TextEncoder, TextDecoder,
  };
  util.types.isAsyncFunction = (value) => typeof value === 'function' && value.constructor.name === 'AsyncFunction';

  const url = {
    URL, URLSearchParams,
    format: (value) => (typeof value === 'string' ? value : value.href ?? `${value.protocol ?? ''}//${value.host ?? value.hostname ?? ''}${value.pathname ?? ''}${value.search ?? ''}`),
    parse: (text, query) => {
      const parsed = URL.canParse(text) ? new URL(text) : undefined;
      const search = parsed?.search || null;
      const bare = search === null ? null : search.slice(1);
      return {
        href: parsed?.href ?? text, protocol: parsed?.protocol ?? null, host: parsed?.host ?? null, hostname: parsed?.hostname ?? null,
        port: parsed?.port || null, pathname: parsed?.pathname ?? text, search, hash: parsed?.hash || null,
        query: query ? querystring.parse(bare ?? '') : bare, path: parsed === undefined ? text : parsed.pathname + parsed.search, auth: null, slashes: parsed !== undefined,
      };
    },
    resolve: (from, to) => `${new URL(to, from)}`,
  };

  const strict = (holds, message) => {
    if (!holds) throw message instanceof Error ? message : Object.assign(new Error(message ?? 'The expression evaluated to a falsy value'), { name: 'AssertionError', code: 'ERR_ASSERTION' });
  };
  const nodeFetch = Object.assign((...values) => fetch(...values), { default: undefined, Headers, Request, Response, FormData, Blob });
  nodeFetch.default = nodeFetch;

  const sleep = (delay, value) => new Promise((resolve) => { setTimeout(resolve, delay, value); });
  const uuid = { v4: () => crypto.randomUUID(), validate: (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(text), NIL: '00000000-0000-0000-0000-000000000000' };

  const BUILT_IN = {
    assert: () => Object.assign(strict, { ok: strict, equal: (one, other, message) => strict(one == other, message), strictEqual: (one, other, message) => strict(Object.is(one, other), message) }),
    buffer: () => ({ Buffer, Blob, atob, btoa, constants: { MAX_LENGTH: 2 ** 30 } }),
    console: () => console,
    crypto: () => internals.nodeCrypto,
    events: () => EventEmitter,
    process: () => process,
    punycode: () => ({ toASCII: (text) => text, toUnicode: (text) => text }),
    querystring: () => querystring,
    timers: () => ({ setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate }),
    'timers/promises': () => ({ setTimeout: sleep, setImmediate: (value) => sleep(0, value) }),
    url: () => url,
    util: () => util,
  };
  delete BUILT_IN.punycode;
  // One that its own authors made, from its source.
  const whole = (name) => {
    const module = { exports: {} };
    host.package(name).call(module.exports, module.exports, require, module, name, '/');
    return module.exports;
  };
  // Packages that actions use, as phonebox has them: whatever version an action asks for.
  const PACKAGES = {
    axios: () => whole('axios'),
    'node-fetch': () => nodeFetch,
    uuid: () => uuid,
  };
  const ABSENT = /^(child_process|cluster|dgram|dns|fs|http|http2|https|inspector|module|net|os|path|perf_hooks|readline|repl|stream|string_decoder|tls|tty|v8|vm|wasi|worker_threads|zlib)(\/|$)/;

  const loaded = new Map();
  const find = (name) => {
    const bare = name.startsWith('node:') ? name.slice(5) : name;
    if (Object.hasOwn(BUILT_IN, bare)) return BUILT_IN[bare];
    return name === bare && Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
  };
  const missing = (name) => {
    const bare = name.replace(/^node:/, '');
    const error = ABSENT.test(bare)
      ? internals.buildError('module_not_available', `require('${name}'): ${bare} is not available in phonebox actions`)
      : internals.buildError('module_not_found', `require('${name}'): there is no such package in phonebox; dependencies are bundled on the author's machine: esbuild action.js --bundle --format=cjs --platform=browser`);
    return Object.assign(error, { code: 'MODULE_NOT_FOUND' });
  };

  const require = (name) => {
    if (typeof name !== 'string') throw Object.assign(new TypeError('The "id" argument must be of type string.'), { code: 'ERR_INVALID_ARG_TYPE' });
    const make = find(name);
    if (make === undefined) throw missing(name);
    const key = name.replace(/^node:/, '');
    if (!loaded.has(key)) loaded.set(key, make());
    return loaded.get(key);
  };
  require.resolve = (name) => {
    if (find(name) === undefined) throw missing(name);
    return name;
  };
  require.cache = {};
  require.extensions = {};
  require.main = undefined;
  internals.require = require;
})
