// URL and URLSearchParams, over the crates that browsers have them from.
(function (host, internals) {
  'use strict';

  const PARTS = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
  const text = (value) => `${value}`.toWellFormed();

  class URLSearchParams {
    #pairs = []; #url;
    constructor(init = '') {
      if (typeof init === 'object' && init !== null || typeof init === 'function') {
        if (typeof init[Symbol.iterator] === 'function') {
          for (const pair of init) {
            const entry = pair === null || typeof pair !== 'object' ? undefined : [...pair];
            if (entry?.length !== 2) {
              throw Object.assign(new TypeError('Each query pair must be an iterable [name, value] tuple'), { code: 'ERR_INVALID_TUPLE' });
            }
            this.#pairs.push([text(entry[0]), text(entry[1])]);
          }
        } else {
          for (const key of Reflect.ownKeys(init)) {
            if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) this.#pairs.push([text(key), text(init[key])]);
          }
        }
      } else {
        this.#parse(text(init));
      }
    }
    #parse(query) {
      const flat = host.formParse(query.startsWith('?') ? query.slice(1) : query);
      this.#pairs = [];
      for (let index = 0; index < flat.length; index += 2) this.#pairs.push([flat[index], flat[index + 1]]);
    }
    #changed() {
      if (this.#url !== undefined) this.#url(this.toString());
    }
    static of(query, changed) {
      const params = new URLSearchParams(query);
      params.#url = changed;
      return params;
    }
    static renew(params, query) { params.#parse(query); }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#pairs.push([text(name), text(value)]); this.#changed(); }
    delete(name, value) {
      const is = ([of, its]) => of === text(name) && (value === undefined || its === text(value));
      this.#pairs = this.#pairs.filter((pair) => !is(pair));
      this.#changed();
    }
    get(name) { return this.#pairs.find(([of]) => of === text(name))?.[1] ?? null; }
    getAll(name) { return this.#pairs.filter(([of]) => of === text(name)).map(([, value]) => value); }
    has(name, value) { return this.#pairs.some(([of, its]) => of === text(name) && (value === undefined || its === text(value))); }
    set(name, value) {
      const key = text(name);
      const at = this.#pairs.findIndex(([of]) => of === key);
      if (at < 0) this.#pairs.push([key, text(value)]);
      else {
        this.#pairs[at][1] = text(value);
        this.#pairs = this.#pairs.filter(([of], index) => index <= at || of !== key);
      }
      this.#changed();
    }
    sort() {
      this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
      this.#changed();
    }
    forEach(callback, self) {
      for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
    }
    *entries() { for (const [name, value] of this.#pairs) yield [name, value]; }
    *keys() { for (const [name] of this.#pairs) yield name; }
    *values() { for (const [, value] of this.#pairs) yield value; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return host.formSerialize(this.#pairs.flat()); }
    [internals.inspect.custom](depth, options, inspect) {
      return this.#pairs.length === 0 ? 'URLSearchParams {}'
        : `URLSearchParams { ${this.#pairs.map(([name, value]) => `${inspect(name)} => ${inspect(value)}`).join(', ')} }`;
    }
  }
  const { of: paramsOf, renew } = URLSearchParams;
  delete URLSearchParams.of;
  delete URLSearchParams.renew;

  const invalid = (input) => Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: text(input) });

  class URL {
    #href; #params;
    constructor(url, base) {
      if (arguments.length === 0) throw new TypeError('The "url" argument must be specified');
      const href = host.urlParse(text(url), base === undefined ? undefined : text(base));
      if (href === undefined) throw invalid(url);
      this.#href = href;
    }
    static canParse(url, base) { return host.urlParse(text(url), base === undefined ? undefined : text(base)) !== undefined; }
    static parse(url, base) { return URL.canParse(url, base) ? new URL(url, base) : null; }
    get href() { return this.#href; }
    set href(value) {
      const href = host.urlParse(text(value));
      if (href === undefined) throw invalid(value);
      this.#href = href;
      if (this.#params !== undefined) renew(this.#params, this.search);
    }
    get origin() { return host.urlGet(this.#href, 'origin'); }
    get searchParams() {
      this.#params ??= paramsOf(this.search, (query) => { this.#href = host.urlSet(this.#href, 'search', query); });
      return this.#params;
    }
    toString() { return this.#href; }
    toJSON() { return this.#href; }
    static part(url, part, value) {
      if (value === undefined) return host.urlGet(url.#href, part);
      url.#href = host.urlSet(url.#href, part, text(value));
      if (part === 'search' && url.#params !== undefined) renew(url.#params, url.search);
      return undefined;
    }
    [internals.inspect.custom](depth, options, inspect) {
      const parts = Object.fromEntries(['href', 'origin', ...PARTS].map((part) => [part, this[part]]));
      return `URL ${inspect(parts)}`;
    }
  }
  const { part: partOf } = URL;
  delete URL.part;
  for (const part of PARTS) {
    Object.defineProperty(URL.prototype, part, {
      get() { return partOf(this, part); },
      set(value) { partOf(this, part, value === undefined ? 'undefined' : value); },
      configurable: true, enumerable: true,
    });
  }

  for (const kind of [URL, URLSearchParams]) {
    Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: kind.name, configurable: true });
    internals.expose(kind.name, kind);
  }
})
