// `require`: what Node has built in, as far as actions use it.
(function (host, internals) {
  'use strict';

  const querystring = {
    escape: (text) => encodeURIComponent(typeof text === 'object' ? String(text) : text),
    unescape: (text) => {
      try { return decodeURIComponent(text); } catch {
        return text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => host.decode(host.encode(bytes.replaceAll('%', ''), 'hex'), 'utf8'));
      }
    },
    parse: (query, separator, equals, options) => {
      const parsed = Object.create(null);
      if (typeof query !== 'string' || query === '') return parsed;
      const [between, is] = [separator || '&', equals || '='];
      const most = options?.maxKeys ?? 1000;
      const plain = (text) => (options?.decodeURIComponent ?? querystring.unescape)(text.replaceAll('+', ' '));
      const parts = query.split(between).filter((part) => part !== '');
      for (const part of most > 0 ? parts.slice(0, most) : parts) {
        const at = part.indexOf(is);
        const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + is.length)];
        const key = plain(name);
        if (key in parsed) parsed[key] = [].concat(parsed[key], plain(value));
        else parsed[key] = plain(value);
      }
      return parsed;
    },
    stringify: (object, separator, equals, options) => {
      if (object === null || typeof object !== 'object') return '';
      const encode = options?.encodeURIComponent ?? querystring.escape;
      const text = (value) => (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint' || Number.isFinite(value) ? `${value}` : '');
      const one = (name, value) => `${encode(name)}${equals || '='}${encode(text(value))}`;
      const pairs = Object.keys(object).flatMap((name) => (Array.isArray(object[name]) ? object[name].map((value) => one(name, value)) : [one(name, object[name])]));
      return pairs.join(separator || '&');
    },
  };
  querystring.decode = querystring.parse;
  querystring.encode = querystring.stringify;

  // A function, and what it remembers made when it is needed: older code calls it upon its own objects, or only inherits from it.
  function EventEmitter() {}
  const heard = new WeakMap();
  const all = (emitter) => {
    if (!heard.has(emitter)) heard.set(emitter, new Map());
    return heard.get(emitter);
  };
  const of = (emitter, name) => all(emitter).get(name) ?? [];
  const methods = {
    on(name, listener) { all(this).set(name, [...of(this, name), listener]); return this; },
    once(name, listener) {
      const once = (...values) => { this.off(name, once); listener.apply(this, values); };
      once.listener = listener;
      return this.on(name, once);
    },
    off(name, listener) {
      const at = of(this, name).findLastIndex((one) => one === listener || one.listener === listener);
      if (at >= 0) all(this).set(name, of(this, name).toSpliced(at, 1));
      return this;
    },
    emit(name, ...values) {
      const listeners = of(this, name);
      if (listeners.length === 0 && name === 'error') throw values[0] instanceof Error ? values[0] : new Error(`Unhandled error. (${internals.inspect(values[0])})`);
      for (const listener of listeners) listener.apply(this, values);
      return listeners.length > 0;
    },
    addListener(name, listener) { return this.on(name, listener); },
    removeListener(name, listener) { return this.off(name, listener); },
    removeAllListeners(name) { if (name === undefined) all(this).clear(); else all(this).delete(name); return this; },
    prependListener(name, listener) { all(this).set(name, [listener, ...of(this, name)]); return this; },
    listeners(name) { return of(this, name).map((one) => one.listener ?? one); },
    listenerCount(name) { return of(this, name).length; },
    eventNames() { return [...all(this)].filter(([, listeners]) => listeners.length > 0).map(([name]) => name); },
    setMaxListeners() { return this; },
  };
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(EventEmitter.prototype, name, { value, writable: true, configurable: true });
  Object.assign(EventEmitter, { EventEmitter, defaultMaxListeners: 10 });

  // Whether two values are as good as one, however deep.
  const same = (one, other, within) => {
    if (Object.is(one, other)) return true;
    if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return false;
    if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other) || Array.isArray(one) !== Array.isArray(other)) return false;
    if (within.some(([left, right]) => left === one && right === other)) return true;
    const inner = [...within, [one, other]];
    if (one instanceof Date) return one.getTime() === other.getTime();
    if (one instanceof RegExp) return String(one) === String(other);
    if (one instanceof Error && (one.message !== other.message || one.name !== other.name)) return false;
    if (one instanceof Number || one instanceof String || one instanceof Boolean) return Object.is(one.valueOf(), other.valueOf());
    if (one instanceof Map || one instanceof Set) {
      if (one.size !== other.size) return false;
      const left = [...other];
      return [...one].every((of) => {
        const at = left.findIndex((its) => same(of, its, inner));
        if (at >= 0) left.splice(at, 1);
        return at >= 0;
      });
    }
    const keys = (of) => Reflect.ownKeys(of).filter((key) => Object.prototype.propertyIsEnumerable.call(of, key));
    const mine = keys(one);
    return mine.length === keys(other).length && mine.every((key) => Object.hasOwn(other, key) && same(one[key], other[key], inner));
  };
  const promised = Symbol.for('nodejs.util.promisify.custom');

  const is = (kind) => (value) => value instanceof kind;
  const util = {
    format: internals.format,
    inspect: internals.inspect,
    promisify: (callback) => {
      if (typeof callback !== 'function') throw Object.assign(new TypeError('The "original" argument must be of type function.'), { code: 'ERR_INVALID_ARG_TYPE' });
      if (typeof callback[promised] === 'function') return callback[promised];
      return Object.defineProperty(function (...values) {
        return new Promise((resolve, reject) => {
          callback.call(this, ...values, (error, value) => (error ? reject(error) : resolve(value)));
        });
      }, 'name', { value: callback.name });
    },
    callbackify: (call) => (...values) => {
      const callback = values.pop();
      call(...values).then((value) => callback(null, value), (error) => callback(error));
    },
    deprecate: (call) => call,
    inherits: (kind, of) => { Object.setPrototypeOf(kind.prototype, of.prototype); kind.super_ = of; },
    isDeepStrictEqual: (one, other) => same(one, other, []),
    isArray: Array.isArray,
    stripVTControlCharacters: (text) => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, ''),
    types: { isDate: is(Date), isRegExp: is(RegExp), isPromise: is(Promise), isMap: is(Map), isSet: is(Set), isNativeError: is(Error), isUint8Array: is(Uint8Array), isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView) },
    TextEncoder, TextDecoder,
  };
  util.promisify.custom = promised;
  util.types.isAsyncFunction = (value) => typeof value === 'function' && value.constructor.name === 'AsyncFunction';

  // As it was before there was URL: whatever parts a text has.
  const parseUrl = (text, asObject) => {
    const [whole, protocol = null, slashes, authority, path = '', search = null, hash = null] = /^([a-z][a-z0-9.+-]*:)?(?:(\/\/)([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/is.exec(`${text}`.trim());
    const at = authority === undefined ? -1 : authority.lastIndexOf('@');
    const host = authority === undefined ? null : authority.slice(at + 1).toLowerCase();
    const port = host === null ? undefined : /:(\d+)$/.exec(host)?.[1];
    const known = protocol === null ? undefined : /^(https?|ftp|wss?):$/i.test(protocol);
    const pathname = path === '' ? (known ? '/' : null) : path.replaceAll(' ', '%20');
    const bare = search === null ? null : search.slice(1);
    const auth = at < 0 ? null : querystring.unescape(authority.slice(0, at));
    const parsed = {
      protocol: protocol === null ? null : protocol.toLowerCase(), slashes: slashes === undefined ? null : true, auth, host,
      port: port ?? null, hostname: host === null ? null : port === undefined ? host : host.slice(0, -port.length - 1), hash,
      search, query: asObject ? querystring.parse(bare ?? '') : bare, pathname, path: pathname === null && search === null ? null : `${pathname ?? ''}${search ?? ''}`,
    };
    return { ...parsed, href: formatUrl(parsed) };
  };
  const formatUrl = (value) => {
    if (typeof value === 'string') return parseUrl(value).href;
    if (value instanceof URL) return value.href;
    const protocol = value.protocol ? `${value.protocol}`.replace(/:?$/, ':') : '';
    const auth = value.auth ? `${encodeURIComponent(value.auth).replace(/%3A/i, ':')}@` : '';
    const host = value.host ? auth + value.host : value.hostname ? `${auth}${value.hostname}${value.port ? `:${value.port}` : ''}` : '';
    const slashes = value.slashes || (host !== '' && (protocol === '' || /^(https?|ftp|wss?|file):$/.test(protocol)));
    const query = value.query !== null && typeof value.query === 'object' ? querystring.stringify(value.query) : '';
    const search = value.search ? `${value.search}`.replace(/^\??/, '?') : query === '' ? '' : `?${query}`;
    const pathname = `${value.pathname ?? ''}`;
    const hash = value.hash ? `${value.hash}`.replace(/^#?/, '#') : '';
    return `${protocol}${slashes ? '//' : ''}${host}${slashes && host !== '' && pathname !== '' && !pathname.startsWith('/') ? '/' : ''}${pathname}${search.replaceAll('#', '%23')}${hash}`;
  };
  const url = {
    URL, URLSearchParams,
    parse: parseUrl,
    format: formatUrl,
    resolve: (from, to) => {
      const base = 'resolve://base.invalid';
      const resolved = new URL(to, new URL(from, `${base}/`)).href;
      return resolved.startsWith(base) ? resolved.slice(base.length) : resolved;
    },
    fileURLToPath: (file) => decodeURIComponent(new URL(file).pathname),
    pathToFileURL: (path) => new URL(`file://${path}`),
    domainToASCII: (domain) => (URL.canParse(`http://${domain}`) ? new URL(`http://${domain}`).hostname : ''),
  };

  class AssertionError extends Error {
    constructor({ message, actual, expected, operator }) {
      super(message);
      this.name = 'AssertionError';
      Object.assign(this, { code: 'ERR_ASSERTION', generatedMessage: false, actual, expected, operator });
    }
  }
  const strict = (holds, message, actual = holds, expected = true, operator = '==') => {
    if (!holds) throw message instanceof Error ? message : new AssertionError({ message: message ?? 'The expression evaluated to a falsy value', actual, expected, operator });
  };
  const compare = (operator, holds) => (one, other, message) => {
    strict(holds(one, other), message ?? `Expected values to be ${operator}: ${internals.inspect(one)} and ${internals.inspect(other)}`, one, other, operator);
  };
  const asExpected = (error, expected) => {
    if (expected === undefined || typeof expected === 'string') return;
    if (expected instanceof RegExp) strict(expected.test(String(error)), `The input did not match the regular expression ${expected}. Input: ${internals.inspect(String(error))}`);
    else if (typeof expected !== 'function') for (const key of Object.keys(expected)) strict(expected[key] instanceof RegExp ? expected[key].test(error[key]) : same(error[key], expected[key], []), `the error's ${key} is another one`);
    else if (expected.prototype === undefined || !(error instanceof expected)) {
      if (expected === Error || Error.prototype.isPrototypeOf(expected.prototype) || expected(error) !== true) throw error;
    }
  };
  const assert = Object.assign((...values) => strict(...values.slice(0, 2)), {
    AssertionError,
    ok: (...values) => strict(...values.slice(0, 2)),
    fail: (message = 'Failed') => strict(false, message),
    equal: compare('loosely equal', (one, other) => one == other || Object.is(one, other)),
    notEqual: compare('loosely unequal', (one, other) => one != other),
    strictEqual: compare('strictly equal', Object.is),
    notStrictEqual: compare('strictly unequal', (one, other) => !Object.is(one, other)),
    deepEqual: compare('deep-equal', (one, other) => same(one, other, [])),
    deepStrictEqual: compare('strictly deep-equal', (one, other) => same(one, other, [])),
    notDeepStrictEqual: compare('not strictly deep-equal', (one, other) => !same(one, other, [])),
    match: (text, pattern, message) => strict(pattern.test(text), message ?? `The input did not match the regular expression ${pattern}. Input: ${internals.inspect(text)}`),
    doesNotMatch: (text, pattern, message) => strict(!pattern.test(text), message ?? `The input was expected to not match the regular expression ${pattern}`),
    throws: (call, expected) => {
      let thrown;
      try { call(); } catch (error) { thrown = { error }; }
      strict(thrown !== undefined, 'Missing expected exception.');
      asExpected(thrown.error, expected);
    },
    doesNotThrow: (call) => { call(); },
    rejects: async (call, expected) => {
      let thrown;
      try { await (typeof call === 'function' ? call() : call); } catch (error) { thrown = { error }; }
      strict(thrown !== undefined, 'Missing expected rejection.');
      asExpected(thrown.error, expected);
    },
    doesNotReject: async (call) => { await (typeof call === 'function' ? call() : call); },
    ifError: (value) => { if (value !== null && value !== undefined) throw value; },
  });
  assert.strict = assert;
  const nodeFetch = Object.assign((...values) => fetch(...values), { default: undefined, Headers, Request, Response, FormData, Blob });
  nodeFetch.default = nodeFetch;

  const sleep = (delay, value) => new Promise((resolve) => { setTimeout(resolve, delay, value); });

  const BUILT_IN = {
    assert: () => assert,
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
  // One that is evaluated when it is first required.
  const whole = (name) => {
    const module = { exports: {} };
    host.package(name).call(module.exports, module.exports, internals.require, module, name, '/');
    return module.exports;
  };
  let evaluated;
  const aws = () => (evaluated ??= whole('aws'));
  // Packages that actions use, as phonebox has them: whatever version an action asks for.
  const PACKAGES = {
    '@aws-sdk/client-sns': () => aws().v3,
    'aws-sdk': () => aws().v2,
    'aws-sdk/clients/sns': () => aws().v2.SNS,
    aws4: () => whole('aws4'),
    axios: () => whole('axios'),
    jsonwebtoken: () => whole('jsonwebtoken'),
    'node-fetch': () => nodeFetch,
    twilio: () => whole('twilio'),
    uuid: () => whole('uuid'),
  };
  const ABSENT = /^(child_process|cluster|dgram|dns|fs|http|http2|https|inspector|module|net|os|path|perf_hooks|readline|repl|stream|string_decoder|tls|tty|v8|vm|wasi|worker_threads|zlib)(\/|$)/;

  const loaded = new Map();
  const find = (name) => {
    const bare = name.startsWith('node:') ? name.slice(5) : name;
    if (Object.hasOwn(BUILT_IN, bare)) return BUILT_IN[bare];
    return name === bare && Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
  };
  // Modules that actions share, as this one has them: each is evaluated when it is first required, and what it throws then is
  // thrown again whenever it is required.
  const modules = new Map();
  internals.addModule = (name, body) => {
    let evaluated;
    const evaluate = () => {
      const module = { exports: {}, id: name, filename: name, loaded: false, children: [], paths: [] };
      try {
        body.call(module.exports, module.exports, requireIn(find, 'a module cannot require another one'), module, name, '/', { secrets: internals.secretsOf(name) });
      } catch (error) {
        return { error: error instanceof Error ? error : new Error(String(error)) };
      }
      module.loaded = true;
      return { module };
    };
    modules.set(name, () => {
      evaluated ??= evaluate();
      if (Object.hasOwn(evaluated, 'error')) throw evaluated.error;
      return evaluated.module.exports;
    });
  };

  const missing = (name, noModule) => {
    const bare = name.replace(/^node:/, '');
    const error = name.startsWith('actions:') ? internals.buildError('module_not_found', `require('${name}'): ${noModule}`) : ABSENT.test(bare)
      ? internals.buildError('module_not_available', `require('${name}'): ${bare} is not available in phonebox actions`)
      : internals.buildError('module_not_found', `require('${name}'): there is no such package in phonebox; dependencies are bundled on the author's machine: esbuild action.js --bundle --format=cjs --platform=browser`);
    return Object.assign(error, { code: 'MODULE_NOT_FOUND' });
  };

  const requireIn = (find, noModule) => {
    const require = (name) => {
      if (name === '') throw Object.assign(new TypeError("The argument 'id' must be a non-empty string. Received ''"), { code: 'ERR_INVALID_ARG_VALUE' });
      if (typeof name !== 'string') throw Object.assign(new TypeError('The "id" argument must be of type string.'), { code: 'ERR_INVALID_ARG_TYPE' });
      const make = find(name);
      if (make === undefined) throw missing(name, noModule);
      if (modules.has(name)) return make();
      const key = name.replace(/^node:/, '');
      if (!loaded.has(key)) loaded.set(key, make());
      return loaded.get(key);
    };
    require.resolve = (name) => {
      if (find(name) === undefined) throw missing(name, noModule);
      return name;
    };
    require.cache = {};
    require.extensions = {};
    require.main = undefined;
    return require;
  };
  internals.require = requireIn((name) => modules.get(name) ?? find(name), 'the action has no such module: name a published version of it in `modules`');
})
