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
    copy() {
      if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
      const copy = new Hash(this.#finish);
      copy.#parts = [...this.#parts];
      return copy;
    }
    digest(encoding) {
      if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
      this.#done = true;
      const digest = asBuffer(this.#finish(Buffer.concat(this.#parts)));
      return encoding === undefined || encoding === 'buffer' ? digest : digest.toString(encoding);
    }
  }

  // ---- Keys, and what is signed with them

  const FORMS = { 'PRIVATE KEY': 'pkcs8', 'RSA PRIVATE KEY': 'pkcs1', 'EC PRIVATE KEY': 'sec1', 'PUBLIC KEY': 'spki', 'RSA PUBLIC KEY': 'pkcs1-public' };
  const fromPem = (pem) => {
    // Where a key was pasted in one line, \\n stands for the ends of its lines.
    const found = /-----BEGIN ([A-Z ]+)-----([\s\S]+?)-----END \1-----/.exec(pem.replaceAll('\\n', '\n'));
    if (found === null) {
      throw Object.assign(new Error('the key is not PEM, which begins with -----BEGIN PRIVATE KEY-----; if it is a secret, it must be revealed: of a sealed one the code has a placeholder'), { code: 'ERR_OSSL_UNSUPPORTED' });
    }
    if (found[1] === 'ENCRYPTED PRIVATE KEY' || found[2].includes('Proc-Type: 4,ENCRYPTED')) {
      throw Object.assign(new Error('the key is encrypted, and keys with a passphrase are not available in phonebox actions: decrypt it (openssl pkcs8 -in key.pem -out plain.pem) and keep that as the secret'), { code: 'ERR_OSSL_UNSUPPORTED' });
    }
    const form = FORMS[found[1]];
    if (form === undefined) throw new Error(`a key cannot be read from PEM of "${found[1]}"; there are ${Object.keys(FORMS).join(', ')}`);
    return host.keyOf(form, host.encode(found[2].replace(/\s/g, ''), 'base64'));
  };
  class KeyObject {
    #key;
    constructor(key) { this.#key = key; }
    static keyOf(object) { return object.#key; }
    get type() { return this.#key.type; }
    get asymmetricKeyType() { return this.#key.kind; }
    get asymmetricKeyDetails() {
      const { kind, bits } = this.#key;
      if (kind === undefined) return undefined;
      return kind === 'ec' ? { namedCurve: 'prime256v1' } : { modulusLength: bits, publicExponent: 65537n };
    }
    get symmetricKeySize() { return this.#key.type === 'secret' ? this.#key.der.length : undefined; }
    export(options) {
      const { type, der } = this.#key;
      if (type === 'secret') return asBuffer(der.slice());
      if (options?.format === 'der') return asBuffer(der.slice());
      const lines = host.decode(der, 'base64').match(/.{1,64}/g).join('\n');
      const label = type === 'private' ? 'PRIVATE KEY' : 'PUBLIC KEY';
      return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
    }
  }
  const { keyOf } = KeyObject;
  delete KeyObject.keyOf;

  // A key of a type, from whatever Node takes for one.
  const readKey = (given, type) => {
    let key;
    if (given instanceof KeyObject) key = keyOf(given);
    else if (given instanceof CryptoKey) key = held.get(given);
    else if (typeof given === 'string') key = fromPem(given);
    else if (bytesOf(given) !== undefined) key = fromPem(host.decode(bytesOf(given), 'utf8'));
    else if (given !== null && typeof given === 'object' && given.key !== undefined) {
      key = given.format === 'der' ? host.keyOf(type === 'public' && given.type === 'pkcs1' ? 'pkcs1-public' : given.type, bytesOf(given.key)) : readKey(given.key, type);
    } else {
      throw Object.assign(new TypeError('The "key" argument must be a text of PEM, a Buffer, a KeyObject or an object with a key.'), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    if (type === 'public' && key.type === 'private') key = { ...key, type, der: host.publicOf(key.kind, key.der) };
    if (key.type !== type) throw Object.assign(new TypeError(`Invalid key object type ${key.type}, expected ${type}.`), { code: 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE' });
    return key;
  };
  const [RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING] = [1, 6];
  const [RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX_SIGN] = [-1, -2];
  // How a key signs: [kind, PSS's salt in bytes, whether r and s stand side by side].
  const manner = (key, hash, options) => {
    const plain = options?.dsaEncoding === 'ieee-p1363';
    if (key.kind !== 'rsa' || options?.padding === undefined || options.padding === RSA_PKCS1_PADDING) return [key.kind, undefined, plain];
    if (options.padding !== RSA_PKCS1_PSS_PADDING) throw new Error('RSA signs with RSA_PKCS1_PADDING and RSA_PKCS1_PSS_PADDING');
    const salt = options.saltLength ?? RSA_PSS_SALTLEN_MAX_SIGN;
    return ['rsa-pss', salt === RSA_PSS_SALTLEN_DIGEST ? LENGTHS[hash] : salt >= 0 ? salt : Math.ceil((key.bits - 1) / 8) - LENGTHS[hash] - 2, plain];
  };
  const signHash = (name) => {
    const hash = hashOf(name ?? 'sha256');
    if (hash === 'md5') throw new Error('nothing is signed with MD5');
    return hash;
  };
  const signWith = (name, data, given) => {
    const [hash, key] = [signHash(name), readKey(given, 'private')];
    const [kind, salt, plain] = manner(key, hash, given);
    const signature = host.sign(kind, hash, key.der, data, salt);
    return asBuffer(key.kind === 'ec' && !plain ? host.toDer(signature) : signature);
  };
  const verifyWith = (name, data, given, signature) => {
    const [hash, key] = [signHash(name), readKey(given, 'public')];
    const [kind, salt, plain] = manner(key, hash, given);
    const bytes = key.kind === 'ec' && !plain ? host.fromDer(signature) : signature;
    // Unless its length is said, any salt will do.
    const exactly = given?.saltLength === undefined || given.saltLength === RSA_PSS_SALTLEN_MAX_SIGN ? [] : [salt];
    return bytes !== undefined && bytes !== null && host.verify(kind, hash, key.der, data, bytes, ...exactly);
  };
  class Signing {
    #hash; #parts = [];
    constructor(hash) { this.#hash = signHash(hash); }
    update(data, encoding) { this.#parts.push(dataOf(data, encoding).slice()); return this; }
    end(data, encoding) { return data === undefined ? this : this.update(data, encoding); }
    write(data, encoding) { this.update(data, encoding); return true; }
    static whole(signing) { return [signing.#hash, Buffer.concat(signing.#parts)]; }
  }
  const { whole } = Signing;
  delete Signing.whole;
  class Sign extends Signing {
    sign(key, encoding) {
      const signature = signWith(...whole(this), key);
      return encoding === undefined || encoding === 'buffer' ? signature : signature.toString(encoding);
    }
  }
  class Verify extends Signing {
    verify(key, signature, encoding) { return verifyWith(...whole(this), key, dataOf(signature, encoding)); }
  }
  const called = (callback, make) => {
    if (typeof callback !== 'function') return make();
    try { const made = make(); setImmediate(() => callback(null, made)); } catch (error) { setImmediate(() => callback(error)); }
    return undefined;
  };

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
  // What the keys of the web's crypto hold, which they do not show.
  const held = new WeakMap();
  class CryptoKey {
    constructor(fields) { Object.assign(this, fields); }
    get [Symbol.toStringTag]() { return 'CryptoKey'; }
  }
  const unsupported = (what) => new DOMException(`crypto.subtle.${what} is not available in phonebox actions for this algorithm; there are digest, and importKey, sign and verify with HMAC, RSASSA-PKCS1-v1_5, RSA-PSS and ECDSA of P-256`, 'NotSupportedError');
  const nameOf = (algorithm) => {
    const name = `${typeof algorithm === 'string' ? algorithm : algorithm?.name}`.toUpperCase();
    return { HMAC: 'HMAC', 'RSA-PSS': 'RSA-PSS', 'RSASSA-PKCS1-V1_5': 'RSASSA-PKCS1-v1_5', ECDSA: 'ECDSA' }[name];
  };
  const hashNamed = (hash) => {
    webHash(hash);
    return { name: `${typeof hash === 'string' ? hash : hash.name}`.toUpperCase() };
  };
  // The key, if it is one of this algorithm that may be used so.
  const usable = (key, algorithm, usage) => {
    if (nameOf(algorithm) === undefined) throw unsupported(usage);
    if (key.algorithm.name !== nameOf(algorithm)) throw new DOMException('Key algorithm mismatch', 'InvalidAccessError');
    if (!key.usages.includes(usage)) throw new DOMException(`Unable to use this key to ${usage}`, 'InvalidAccessError');
    return held.get(key);
  };
  const hashFor = (key, algorithm) => webHash(key.algorithm.name === 'ECDSA' ? algorithm.hash : key.algorithm.hash);
  const webManner = (kind, key) => (key.algorithm.name === 'RSA-PSS' ? 'rsa-pss' : kind);
  const saltOf = (algorithm) => (algorithm?.saltLength === undefined ? [] : [algorithm.saltLength]);
  const subtle = {
    async digest(algorithm, data) { return host.hash(webHash(algorithm), dataOf(data)).buffer; },
    async importKey(format, data, algorithm, extractable, usages) {
      const name = nameOf(algorithm);
      const fields = { extractable: Boolean(extractable), usages: [...usages] };
      let key;
      if (name === 'HMAC' && format === 'raw') {
        key = { type: 'secret', der: dataOf(data).slice() };
        fields.algorithm = { name, hash: hashNamed(algorithm.hash), length: key.der.length * 8 };
      } else if ((name === 'ECDSA' || name === 'RSASSA-PKCS1-v1_5' || name === 'RSA-PSS') && (format === 'pkcs8' || format === 'spki')) {
        if (name === 'ECDSA' && algorithm.namedCurve !== 'P-256') throw unsupported('importKey');
        try { key = host.keyOf(format, dataOf(data)); } catch { key = undefined; }
        if (key?.kind !== (name === 'ECDSA' ? 'ec' : 'rsa')) throw new DOMException('Invalid keyData', 'DataError');
        fields.algorithm = name === 'ECDSA' ? { name, namedCurve: 'P-256' } : { name, hash: hashNamed(algorithm.hash) };
      } else {
        throw unsupported('importKey');
      }
      const made = new CryptoKey({ type: key.type, ...fields });
      held.set(made, key);
      return made;
    },
    async sign(algorithm, key, data) {
      const { kind, der } = usable(key, algorithm, 'sign');
      const hash = hashFor(key, algorithm);
      if (kind === undefined) return host.hmac(hash, der, dataOf(data)).buffer;
      return host.sign(webManner(kind, key), hash, der, dataOf(data), ...saltOf(algorithm)).buffer;
    },
    async verify(algorithm, key, signature, data) {
      const { kind, der } = usable(key, algorithm, 'verify');
      const [hash, given] = [hashFor(key, algorithm), dataOf(signature)];
      if (kind !== undefined) return host.verify(webManner(kind, key), hash, der, dataOf(data), given, ...saltOf(algorithm));
      const made = host.hmac(hash, der, dataOf(data));
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
      const bytes = key instanceof KeyObject ? readKey(key, 'secret').der : dataOf(key).slice();
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
    createSign: (name) => new Sign(name),
    createVerify: (name) => new Verify(name),
    sign: (name, data, key, callback) => called(callback, () => signWith(name, dataOf(data), key)),
    verify: (name, data, key, signature, callback) => called(callback, () => verifyWith(name, dataOf(data), key, dataOf(signature))),
    createPrivateKey: (key) => new KeyObject(readKey(key, 'private')),
    createPublicKey: (key) => new KeyObject(readKey(key, 'public')),
    createSecretKey: (key, encoding) => new KeyObject({ type: 'secret', der: dataOf(key, encoding).slice() }),
    KeyObject,
    constants: { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_AUTO: -2, RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX_SIGN },
  };
})
