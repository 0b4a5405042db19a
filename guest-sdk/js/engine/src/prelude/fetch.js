// fetch, Headers, Request, Response, Blob, FormData and the part of ReadableStream that reads a body.
(function (host, internals) {
  'use strict';

  const { bytesOf, utf8 } = internals;
  const REDIRECTS = new Set([301, 302, 303, 307, 308]);
  const EMPTY = new Uint8Array(0);
  const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

  const tag = (kind) => {
    Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: kind.name, configurable: true });
    internals.expose(kind.name, kind);
  };

  class Headers {
    #list = new Map();
    constructor(init) {
      if (init === undefined) return;
      if (init === null || typeof init !== 'object') throw new TypeError("Failed to construct 'Headers': The provided value is not of type 'HeadersInit'.");
      if (typeof init[Symbol.iterator] === 'function') {
        for (const pair of init) {
          const entry = [...pair];
          if (entry.length !== 2) throw new TypeError('Headers constructor: expected name/value pair to be length 2');
          this.append(entry[0], entry[1]);
        }
      } else {
        for (const key of Object.keys(init)) this.append(key, init[key]);
      }
    }
    #checked(name, value) {
      const key = `${name}`.toLowerCase();
      if (!TOKEN.test(key)) throw new TypeError(`Headers: ${name} is an invalid header name.`);
      if (value === undefined) return [key];
      const text = `${value}`.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
      if (/[\0\r\n]|[^\0-\u00ff]/.test(text)) throw new TypeError(`Headers: the value of ${name} has characters that no header has.`);
      return [key, text];
    }
    append(name, value) {
      const [key, text] = this.#checked(name, `${value}`);
      this.#list.set(key, [...(this.#list.get(key) ?? []), text]);
    }
    set(name, value) {
      const [key, text] = this.#checked(name, `${value}`);
      this.#list.set(key, [text]);
    }
    get(name) { return this.#list.get(this.#checked(name)[0])?.join(', ') ?? null; }
    has(name) { return this.#list.has(this.#checked(name)[0]); }
    delete(name) { this.#list.delete(this.#checked(name)[0]); }
    getSetCookie() { return [...(this.#list.get('set-cookie') ?? [])]; }
    forEach(callback, self) { for (const [name, value] of this) callback.call(self, value, name, this); }
    *entries() {
      for (const key of [...this.#list.keys()].sort()) {
        if (key === 'set-cookie') for (const value of this.#list.get(key)) yield [key, value];
        else yield [key, this.#list.get(key).join(', ')];
      }
    }
    *keys() { for (const [name] of this.entries()) yield name; }
    *values() { for (const [, value] of this.entries()) yield value; }
    [Symbol.iterator]() { return this.entries(); }
    [internals.inspect.custom](depth, options, inspect) { return `Headers ${inspect(Object.fromEntries(this))}`; }
  }

  class Blob {
    #bytes;
    constructor(parts = [], options = {}) {
      this.#bytes = Buffer.concat([...parts].map((part) => (part instanceof Blob ? part.#bytes : bytesOf(part) ?? utf8(part))));
      this.type = `${options.type ?? ''}`.toLowerCase();
    }
    get size() { return this.#bytes.length; }
    async bytes() { return new Uint8Array(this.#bytes); }
    async arrayBuffer() { return (await this.bytes()).buffer; }
    async text() { return host.decode(this.#bytes, 'utf8'); }
    slice(start, end, type) { return new Blob([this.#bytes.subarray(start, end)], { type }); }
    stream() { return streamOf(() => this.#bytes); }
    static bytesOf(blob) { return blob.#bytes; }
  }
  const blobBytes = Blob.bytesOf;
  delete Blob.bytesOf;

  class FormData {
    #pairs = [];
    append(name, value, file) { this.#pairs.push([`${name}`, value instanceof Blob ? value : `${value}`, file]); }
    set(name, value, file) { this.delete(name); this.append(name, value, file); }
    delete(name) { this.#pairs = this.#pairs.filter(([of]) => of !== `${name}`); }
    get(name) { return this.#pairs.find(([of]) => of === `${name}`)?.[1] ?? null; }
    getAll(name) { return this.#pairs.filter(([of]) => of === `${name}`).map(([, value]) => value); }
    has(name) { return this.#pairs.some(([of]) => of === `${name}`); }
    forEach(callback, self) { for (const [name, value] of this) callback.call(self, value, name, this); }
    *entries() { for (const [name, value] of this.#pairs) yield [name, value]; }
    *keys() { for (const [name] of this.#pairs) yield name; }
    *values() { for (const [, value] of this.#pairs) yield value; }
    [Symbol.iterator]() { return this.entries(); }
    static multipart(form, boundary) {
      const escape = (text) => text.replace(/\r?\n/g, '\r\n').replace(/["\r\n]/g, (c) => ({ '"': '%22', '\r': '%0D', '\n': '%0A' })[c]);
      const parts = [];
      for (const [name, value, file] of form.#pairs) {
        parts.push(utf8(`--${boundary}\r\nContent-Disposition: form-data; name="${escape(name)}"`));
        if (value instanceof Blob) {
          parts.push(utf8(`; filename="${escape(file ?? 'blob')}"\r\nContent-Type: ${value.type || 'application/octet-stream'}\r\n\r\n`), blobBytes(value));
        } else {
          parts.push(utf8(`\r\n\r\n${value.replace(/\r?\n/g, '\r\n')}`));
        }
        parts.push(utf8('\r\n'));
      }
      return Buffer.concat([...parts, utf8(`--${boundary}--\r\n`)]);
    }
  }
  const { multipart } = FormData;
  delete FormData.multipart;

  // A stream of one chunk: bodies are whole when they are there.
  class ReadableStream {
    #take; #locked = false; #taken = false;
    constructor(source) {
      const chunks = [];
      let closed = false;
      const controller = { enqueue: (chunk) => chunks.push(chunk), close: () => { closed = true; }, error: (error) => { throw error; }, desiredSize: 1 };
      source?.start?.(controller);
      this.#take = async () => {
        while (chunks.length === 0 && !closed && source?.pull !== undefined) await source.pull(controller);
        return chunks.shift();
      };
    }
    get locked() { return this.#locked; }
    getReader() {
      if (this.#locked) throw new TypeError('Invalid state: ReadableStream is locked');
      this.#locked = true;
      return {
        closed: Promise.resolve(),
        read: async () => {
          const value = this.#taken ? undefined : await this.#take();
          return value === undefined ? { value: undefined, done: true } : { value, done: false };
        },
        releaseLock: () => { this.#locked = false; },
        cancel: async () => { this.#taken = true; },
      };
    }
    async cancel() { this.#taken = true; }
    async *[Symbol.asyncIterator]() {
      const reader = this.getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        yield value;
      }
    }
    values() { return this[Symbol.asyncIterator](); }
  }
  const streamOf = (bytes) => {
    let given = false;
    return new ReadableStream({
      pull(controller) {
        const chunk = given ? EMPTY : new Uint8Array(bytes());
        given = true;
        if (chunk.length > 0) controller.enqueue(chunk);
        else controller.close();
      },
    });
  };

  // A body as bytes, and the type that goes with it.
  const extract = (body) => {
    if (body === null || body === undefined) return { bytes: null, type: null };
    if (body instanceof URLSearchParams) return { bytes: utf8(body), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
    if (body instanceof Blob) return { bytes: blobBytes(body), type: body.type || null };
    if (body instanceof FormData) {
      const boundary = `----formdata-phonebox-${host.decode(host.random(8), 'hex')}`;
      return { bytes: multipart(body, boundary), type: `multipart/form-data; boundary=${boundary}` };
    }
    const bytes = bytesOf(body);
    if (bytes !== undefined) return { bytes: bytes.slice(), type: null };
    if (body instanceof ReadableStream) return { bytes: body, type: null };
    return { bytes: utf8(body), type: 'text/plain;charset=UTF-8' };
  };
  const whole = async (body) => {
    if (!(body instanceof ReadableStream)) return body ?? EMPTY;
    const chunks = [];
    for await (const chunk of body) chunks.push(bytesOf(chunk) ?? utf8(chunk));
    return Buffer.concat(chunks);
  };

  class Body {
    #bytes; #used = false; #stream;
    static give(body, bytes) { body.#bytes = bytes; }
    static peek(body) {
      if (body.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
      return body.#bytes;
    }
    static use(body) {
      const bytes = peek(body);
      if (bytes !== null && bytes !== undefined) body.#used = true;
      return bytes;
    }
    get body() {
      if (this.#bytes === null || this.#bytes === undefined) return null;
      if (this.#bytes instanceof ReadableStream) return this.#bytes;
      this.#stream ??= streamOf(() => { this.#used = true; return this.#bytes; });
      return this.#stream;
    }
    get bodyUsed() { return this.#used; }
    async #take() {
      if (this.#used || this.#stream?.locked) throw new TypeError('Body is unusable: Body has already been read');
      if (this.#bytes !== null && this.#bytes !== undefined) this.#used = true;
      return whole(this.#bytes);
    }
    async bytes() { return new Uint8Array(await this.#take()); }
    async arrayBuffer() { return (await this.bytes()).buffer; }
    async blob() { return new Blob([await this.#take()], { type: this.headers.get('content-type') ?? '' }); }
    async text() { return host.decode(await this.#take(), 'utf8').replace(/^\ufeff/, ''); }
    async json() { return JSON.parse(await this.text()); }
    async formData() {
      const form = new FormData();
      for (const [name, value] of new URLSearchParams(await this.text())) form.append(name, value);
      return form;
    }
  }
  const { give, peek, use } = Body;
  delete Body.give;
  delete Body.peek;
  delete Body.use;

  const METHODS = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH']);
  class Request extends Body {
    #method; #url; #headers; #signal; #redirect;
    constructor(input, init = {}) {
      super();
      init ??= {};
      const from = input instanceof Request ? input : undefined;
      if (from === undefined) {
        const url = host.urlParse(`${input}`.toWellFormed());
        if (url === undefined) {
          throw Object.assign(new TypeError(`Failed to parse URL from ${input}`), { cause: Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: `${input}` }) });
        }
        if (host.urlGet(url, 'username') !== '' || host.urlGet(url, 'password') !== '') {
          throw new TypeError(`Request cannot be constructed from a URL that includes credentials`);
        }
        this.#url = url;
      } else {
        this.#url = from.url;
      }
      const method = `${init.method ?? from?.method ?? 'GET'}`;
      if (!TOKEN.test(method)) throw new TypeError(`'${method}' is not a valid HTTP method.`);
      this.#method = METHODS.has(method.toUpperCase()) && method !== 'patch' ? method.toUpperCase() : method;
      this.#headers = new Headers(init.headers ?? from?.headers);
      this.#redirect = init.redirect ?? from?.redirect ?? 'follow';
      this.#signal = init.signal === null ? undefined : init.signal ?? from?.signal;
      if (init.signal !== undefined && init.signal !== null && !(init.signal instanceof AbortSignal)) {
        throw new TypeError("RequestInit: Expected signal to be an instance of AbortSignal.");
      }
      const body = init.body !== undefined ? extract(init.body) : { bytes: from === undefined ? null : peek(from), type: null };
      if (body.bytes !== null && (this.#method === 'GET' || this.#method === 'HEAD')) {
        throw new TypeError('Request with GET/HEAD method cannot have body.');
      }
      if (body.type !== null && !this.#headers.has('content-type')) this.#headers.set('content-type', body.type);
      give(this, body.bytes);
    }
    get method() { return this.#method; }
    get url() { return this.#url; }
    get headers() { return this.#headers; }
    get redirect() { return this.#redirect; }
    get signal() { this.#signal ??= new AbortController().signal; return this.#signal; }
    get cache() { return 'default'; }
    get credentials() { return 'same-origin'; }
    get mode() { return 'cors'; }
    get duplex() { return 'half'; }
    clone() { return new Request(this); }
  }

  class Response extends Body {
    #status; #statusText; #headers; #url = ''; #redirected = false; #type = 'default';
    constructor(body = null, init = {}) {
      super();
      init ??= {};
      const status = init.status === undefined ? 200 : Number(init.status);
      if (!(status >= 200 && status <= 599)) throw new RangeError(`init["status"] must be in the range of 200 to 599, inclusive.`);
      this.#status = status;
      this.#statusText = `${init.statusText ?? ''}`;
      this.#headers = new Headers(init.headers);
      const { bytes, type } = extract(body);
      if (type !== null && !this.#headers.has('content-type')) this.#headers.set('content-type', type);
      give(this, bytes);
    }
    static received(answer, url, redirected) {
      const response = new Response();
      response.#status = answer.status;
      response.#statusText = REASONS[answer.status] ?? '';
      response.#url = url;
      response.#redirected = redirected;
      response.#type = 'basic';
      for (let index = 0; index < answer.headers.length; index += 2) response.#headers.append(answer.headers[index], answer.headers[index + 1]);
      give(response, answer.status === 204 || answer.status === 304 ? null : answer.body);
      return response;
    }
    static json(data, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
      return new Response(JSON.stringify(data), { ...init, headers });
    }
    static redirect(url, status = 302) { return new Response(null, { status, headers: { location: `${new URL(url)}` } }); }
    static error() {
      const response = new Response();
      response.#status = 0;
      response.#type = 'error';
      return response;
    }
    get status() { return this.#status; }
    get statusText() { return this.#statusText; }
    get ok() { return this.#status >= 200 && this.#status <= 299; }
    get headers() { return this.#headers; }
    get url() { return this.#url; }
    get redirected() { return this.#redirected; }
    get type() { return this.#type; }
    clone() {
      const copy = new Response(null, { headers: this.#headers });
      copy.#status = this.#status;
      copy.#statusText = this.#statusText;
      copy.#url = this.#url;
      copy.#redirected = this.#redirected;
      copy.#type = this.#type;
      give(copy, peek(this));
      return copy;
    }
  }
  const { received } = Response;
  delete Response.received;

  const REASONS = {
    200: 'OK', 201: 'Created', 202: 'Accepted', 203: 'Non-Authoritative Information', 204: 'No Content', 206: 'Partial Content',
    301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified', 307: 'Temporary Redirect', 308: 'Permanent Redirect',
    400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed',
    406: 'Not Acceptable', 408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 413: 'Payload Too Large', 415: 'Unsupported Media Type',
    422: 'Unprocessable Entity', 429: 'Too Many Requests', 500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway',
    503: 'Service Unavailable', 504: 'Gateway Timeout',
  };

  // ---- The requests under way

  const underWay = new Map();
  internals.requestsUnderWay = () => underWay.size;
  internals.ended = (number, answer) => {
    const settle = underWay.get(number);
    underWay.delete(number);
    settle?.(answer);
  };

  const failed = (answer) => {
    const cause = Object.assign(new Error(answer.message), { code: answer.code });
    return Object.assign(new TypeError('fetch failed', { cause }));
  };
  const send = (method, url, headers, body, signal) => new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const number = host.start(method, url, [...headers].flat(), body);
    const aborted = () => {
      underWay.delete(number);
      host.cancel(number);
      reject(signal.reason);
    };
    underWay.set(number, (answer) => {
      signal?.removeEventListener('abort', aborted);
      if (answer.code === undefined) resolve(answer);
      else reject(failed(answer));
    });
    signal?.addEventListener('abort', aborted, { once: true });
  });

  const fetch = async function fetch(input, init) {
    internals.onlyInHandler('fetch');
    const request = new Request(input, init);
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    signal?.throwIfAborted();
    let { method, url } = request;
    if (input instanceof Request && init?.body === undefined) use(input);
    let body = await whole(peek(request));
    const headers = new Headers(request.headers);
    if (!headers.has('accept')) headers.set('accept', '*/*');
    // Who signs a request often says these two as well. They are the host's to say, and it says the same.
    if (headers.get('host') === host.urlGet(url, 'host')) headers.delete('host');
    if (headers.get('content-length') === `${body.byteLength}`) headers.delete('content-length');
    for (let hops = 0; ; hops += 1) {
      const bare = url.split('#')[0];
      const answer = await send(method, bare, headers, body, signal);
      const response = received(answer, url, hops > 0);
      const location = response.headers.get('location');
      if (!REDIRECTS.has(answer.status) || location === null || request.redirect === 'manual') return response;
      if (request.redirect === 'error' || hops === 20) {
        throw new TypeError('fetch failed', { cause: new Error(hops === 20 ? 'redirect count exceeded' : 'unexpected redirect') });
      }
      const next = host.urlParse(location, url);
      if (next === undefined) throw new TypeError('fetch failed', { cause: new Error('the answer redirects to what is no URL') });
      if ((answer.status === 303 && method !== 'GET' && method !== 'HEAD') || ((answer.status === 301 || answer.status === 302) && method === 'POST')) {
        method = 'GET';
        body = EMPTY;
        for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type']) headers.delete(name);
      }
      if (host.urlGet(next, 'origin') !== host.urlGet(url, 'origin')) {
        for (const name of ['authorization', 'proxy-authorization', 'cookie']) headers.delete(name);
      }
      url = next;
    }
  };

  for (const kind of [Headers, Blob, FormData, ReadableStream, Request, Response]) tag(kind);
  internals.expose('fetch', fetch);
})
