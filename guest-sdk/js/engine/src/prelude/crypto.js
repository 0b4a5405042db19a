// `crypto`, as the web has it and as Node has it.
(function (host, internals) {
  'use strict';

  const { asBuffer, bytesOf, utf8 } = internals;
  const LENGTHS = { md5: 16, sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };

  const hashOf = (name) => {
    const known = `${name}`.toLowerCase().replace(/^(rsa-)?sha-?(\d+)$/, 'sha$2');
    if (LENGTHS[known] === undefined) throw new Error(`Digest method not supported: ${name} (there are ${Object.keys(LENGTHS).join(', ')})`);
    return known;
  };
  const dataOf = (data, encoding) => {
    if (typeof data === 'string') return encoding === undefined ? utf8(data) : Buffer.from(data, encoding);
    const bytes = bytesOf(data);
    if (bytes === undefined) {
      throw Object.assign(new TypeError('The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView.'), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    return bytes;
  };

  class Hash {
    #parts = []; #finish; #done = false;
    constructor(finish) { this.#finish = finish; }
    update(data, encoding) {
      if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
      this.#parts.push(dataOf(data, encoding).slice());
      return this;
    }
    digest(encoding) {
      if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
      this.#done = true;
      const digest = asBuffer(this.#finish(Buffer.concat(this.#parts)));
      return encoding === undefined || encoding === 'buffer' ? digest : digest.toString(encoding);
    }
  }

  const randomBytes = (size, callback) => {
    const bytes = asBuffer(host.random(size));
    if (typeof callback !== 'function') return bytes;
    setImmediate(() => callback(null, bytes));
    return undefined;
  };
  const randomUUID = () => {
    const bytes = host.random(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return host.decode(bytes, 'hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };
  const getRandomValues = (array) => {
    if (!ArrayBuffer.isView(array) || array instanceof DataView || array instanceof Float32Array || array instanceof Float64Array) {
      throw new DOMException('The data argument must be an integer-type TypedArray', 'TypeMismatchError');
    }
    if (array.byteLength > 65536) {
      throw new DOMException(`The requested length exceeds 65,536 bytes`, 'QuotaExceededError');
    }
    bytesOf(array).set(host.random(array.byteLength));
    return array;
  };

  const webHash = (algorithm) => {
    const name = typeof algorithm === 'string' ? algorithm : algorithm?.name;
    const known = /^SHA-(1|256|384|512)$/i.test(name) ? `sha${name.slice(4)}` : undefined;
    if (known === undefined) throw new DOMException(`Unrecognized algorithm name: ${name}`, 'NotSupportedError');
    return known;
  };
  const secret = new WeakMap();
  class CryptoKey {
    constructor(fields) { Object.assign(this, fields); }
    get [Symbol.toStringTag]() { return 'CryptoKey'; }
  }
  const unsupported = (what) => new DOMException(`crypto.subtle.${what} is not available in phonebox actions for this algorithm; there are digest, and importKey, sign and verify with HMAC`, 'NotSupportedError');
  const isHmac = (algorithm) => `${typeof algorithm === 'string' ? algorithm : algorithm?.name}`.toUpperCase() === 'HMAC';
  const mac = (key, data) => host.hmac(webHash(key.algorithm.hash), secret.get(key), dataOf(data));
  const subtle = {
    async digest(algorithm, data) { return host.hash(webHash(algorithm), dataOf(data)).buffer; },
    async importKey(format, data, algorithm, extractable, usages) {
      if (format !== 'raw' || !isHmac(algorithm)) throw unsupported('importKey');
      const bytes = dataOf(data).slice();
      webHash(algorithm.hash);
      const hash = { name: `${typeof algorithm.hash === 'string' ? algorithm.hash : algorithm.hash.name}`.toUpperCase() };
      const key = new CryptoKey({ type: 'secret', extractable: Boolean(extractable), usages: [...usages], algorithm: { name: 'HMAC', hash, length: bytes.length * 8 } });
      secret.set(key, bytes);
      return key;
    },
    async sign(algorithm, key, data) {
      if (!isHmac(algorithm)) throw unsupported('sign');
      return mac(key, data).buffer;
    },
    async verify(algorithm, key, signature, data) {
      if (!isHmac(algorithm)) throw unsupported('verify');
      const [made, given] = [mac(key, data), dataOf(signature)];
      return made.length === given.length && timingSafeEqual(made, given);
    },
  };
  for (const name of ['encrypt', 'decrypt', 'deriveBits', 'deriveKey', 'exportKey', 'generateKey', 'unwrapKey', 'wrapKey']) {
    subtle[name] = async () => { throw unsupported(name); };
  }

  const timingSafeEqual = (one, other) => {
    const [left, right] = [dataOf(one), dataOf(other)];
    if (left.length !== right.length) {
      throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
    }
    let difference = 0;
    for (let index = 0; index < left.length; index += 1) difference |= left[index] ^ right[index];
    return difference === 0;
  };

  const webcrypto = { getRandomValues, randomUUID, subtle };
  Object.defineProperty(webcrypto, Symbol.toStringTag, { value: 'Crypto' });
  internals.expose('crypto', webcrypto);
  internals.expose('CryptoKey', CryptoKey);

  internals.nodeCrypto = {
    createHash: (name) => { const hash = hashOf(name); return new Hash((data) => host.hash(hash, data)); },
    createHmac: (name, key) => {
      const hash = hashOf(name);
      const bytes = dataOf(key).slice();
      return new Hash((data) => host.hmac(hash, bytes, data));
    },
    hash: (name, data, encoding = 'hex') => asBuffer(host.hash(hashOf(name), dataOf(data))).toString(encoding),
    getHashes: () => Object.keys(LENGTHS),
    getRandomValues, randomBytes, randomUUID, subtle, timingSafeEqual, webcrypto,
    randomInt: (least, most) => {
      const [low, high] = most === undefined ? [0, least] : [least, most];
      const range = high - low;
      if (!(range > 0 && range <= 2 ** 48 - 1)) {
        throw Object.assign(new RangeError('The value of "max" is out of range.'), { code: 'ERR_OUT_OF_RANGE' });
      }
      const limit = 2 ** 48 - (2 ** 48 % range);
      for (;;) {
        const drawn = asBuffer(host.random(6)).readUIntBE(0, 6);
        if (drawn < limit) return low + (drawn % range);
      }
    },
    randomFillSync: (array) => { bytesOf(array).set(host.random(array.byteLength)); return array; },
    pbkdf2Sync: (password, salt, rounds, length, name) => {
      const hash = hashOf(name);
      const [key, blocks] = [dataOf(password), []];
      for (let block = 1; blocks.length * LENGTHS[hash] < length; block += 1) {
        const number = Buffer.alloc(4);
        number.writeUInt32BE(block);
        let last = host.hmac(hash, key, Buffer.concat([dataOf(salt), number]));
        const sum = last.slice();
        for (let round = 1; round < rounds; round += 1) {
          last = host.hmac(hash, key, last);
          for (let index = 0; index < sum.length; index += 1) sum[index] ^= last[index];
        }
        blocks.push(sum);
      }
      return Buffer.concat(blocks, length);
    },
    constants: {},
  };
})
