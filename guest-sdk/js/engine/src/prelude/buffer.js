// TextEncoder, TextDecoder, Buffer, btoa and atob.
(function (host, internals) {
  'use strict';

  const bytesOf = (value) => {
    if (value instanceof Uint8Array) return value;
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return undefined;
  };
  internals.bytesOf = bytesOf;
  internals.utf8 = (text) => host.encode(`${text}`.toWellFormed(), 'utf8');

  class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return internals.utf8(text); }
    encodeInto(text, into) {
      let [read, written] = [0, 0];
      for (const character of `${text}`) {
        const bytes = internals.utf8(character);
        if (written + bytes.length > into.length) break;
        into.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }

  const LABELS = {
    'utf-8': 'utf8', utf8: 'utf8', 'unicode-1-1-utf-8': 'utf8',
    'utf-16le': 'utf16le', 'utf-16': 'utf16le', 'ucs-2': 'utf16le',
    latin1: 'latin1', 'iso-8859-1': 'latin1', ascii: 'latin1', 'us-ascii': 'latin1', 'windows-1252': 'latin1',
  };
  const NAMES = { utf8: 'utf-8', utf16le: 'utf-16le', latin1: 'windows-1252' };
  class TextDecoder {
    #encoding; #pending = new Uint8Array(0);
    constructor(label = 'utf-8', options = {}) {
      this.#encoding = LABELS[`${label}`.trim().toLowerCase()];
      if (this.#encoding === undefined) {
        throw Object.assign(new RangeError(`The "${label}" encoding is not supported`), { code: 'ERR_ENCODING_NOT_SUPPORTED' });
      }
      this.fatal = Boolean(options.fatal);
      this.ignoreBOM = Boolean(options.ignoreBOM);
    }
    get encoding() { return NAMES[this.#encoding]; }
    decode(input = new Uint8Array(0), options = {}) {
      let bytes = bytesOf(input);
      if (bytes === undefined) throw new TypeError('The "input" argument must be an instance of ArrayBuffer or ArrayBufferView.');
      if (this.#pending.length > 0) {
        const whole = new Uint8Array(this.#pending.length + bytes.length);
        whole.set(this.#pending);
        whole.set(bytes, this.#pending.length);
        bytes = whole;
        this.#pending = new Uint8Array(0);
      }
      if (options.stream) {
        const whole = bytes.length - this.#unfinished(bytes);
        this.#pending = bytes.slice(whole);
        bytes = bytes.subarray(0, whole);
      }
      if (this.fatal && this.#encoding === 'utf8' && !host.isUtf8(bytes)) {
        throw Object.assign(new TypeError('The encoded data was not valid for encoding utf-8'), { code: 'ERR_ENCODING_INVALID_ENCODED_DATA' });
      }
      const text = host.decode(bytes, this.#encoding);
      return !this.ignoreBOM && text.startsWith('\ufeff') ? text.slice(1) : text;
    }
    // How many bytes at the end begin a character that is not whole.
    #unfinished(bytes) {
      if (this.#encoding === 'utf16le') return bytes.length % 2;
      if (this.#encoding !== 'utf8') return 0;
      for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
        const byte = bytes[bytes.length - back];
        if ((byte & 0xc0) === 0x80) continue;
        const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return length > back ? back : 0;
      }
      return 0;
    }
  }

  const ENCODINGS = {
    utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', latin1: 'latin1',
    binary: 'latin1', ascii: 'ascii', utf16le: 'utf16le', 'utf-16le': 'utf16le', ucs2: 'utf16le', 'ucs-2': 'utf16le',
  };
  const encodingOf = (encoding) => {
    const known = encoding === undefined || encoding === null || encoding === '' ? 'utf8' : ENCODINGS[`${encoding}`.toLowerCase()];
    if (known === undefined) {
      throw Object.assign(new TypeError(`Unknown encoding: ${encoding}`), { code: 'ERR_UNKNOWN_ENCODING' });
    }
    return known;
  };
  const encoded = (text, encoding) => {
    const known = encodingOf(encoding);
    return host.encode(text.toWellFormed(), known === 'base64url' ? 'base64' : known === 'ascii' ? 'latin1' : known);
  };
  const wrongType = (value) => Object.assign(new TypeError(
    'The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. ' +
    `Received ${value === null || value === undefined ? value : `type ${typeof value}`}`,
  ), { code: 'ERR_INVALID_ARG_TYPE' });

  const outOfRange = (message) => Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' });
  const sized = (size) => {
    if (typeof size !== 'number') {
      throw Object.assign(new TypeError(`The "size" argument must be of type number. Received type ${typeof size}`), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    if (!(size >= 0 && size <= 2 ** 30)) throw outOfRange(`The value of "size" is out of range. It must be >= 0 && <= ${2 ** 30}. Received ${size}`);
    return size;
  };

  class Buffer extends Uint8Array {
    static poolSize = 8192;
    static from(value, encodingOrOffset, length) {
      if (typeof value === 'string') return asBuffer(encoded(value, encodingOrOffset));
      if (value instanceof ArrayBuffer) return new Buffer(value, encodingOrOffset, length);
      if (ArrayBuffer.isView(value)) return asBuffer(new Uint8Array(value));
      if (value !== null && typeof value === 'object') {
        const primitive = value.valueOf?.();
        if (primitive !== null && primitive !== undefined && primitive !== value) return Buffer.from(primitive, encodingOrOffset, length);
        if (value.type === 'Buffer' && Array.isArray(value.data)) return asBuffer(new Uint8Array(value.data));
        if (typeof value.length === 'number') return asBuffer(new Uint8Array(Array.prototype.slice.call(value)));
      }
      throw wrongType(value);
    }
    static of(...bytes) { return Buffer.from(bytes); }
    static alloc(size, fill, encoding) {
      const buffer = new Buffer(sized(size));
      return fill === undefined ? buffer : buffer.fill(fill, 0, size, encoding);
    }
    static allocUnsafe(size) { return new Buffer(sized(size)); }
    static allocUnsafeSlow(size) { return new Buffer(sized(size)); }
    static isBuffer(value) { return value instanceof Buffer; }
    static isEncoding(encoding) { return ENCODINGS[`${encoding}`.toLowerCase()] !== undefined; }
    static byteLength(value, encoding) {
      if (typeof value === 'string') return encoded(value, encoding).length;
      const bytes = bytesOf(value);
      if (bytes === undefined) throw wrongType(value);
      return bytes.length;
    }
    static concat(list, length) {
      const whole = new Buffer(length ?? list.reduce((sum, one) => sum + one.length, 0));
      let at = 0;
      for (const one of list) {
        if (at >= whole.length) break;
        whole.set(one.subarray(0, whole.length - at), at);
        at += one.length;
      }
      return whole;
    }
    static compare(one, other) {
      for (let index = 0; index < Math.min(one.length, other.length); index += 1) {
        if (one[index] !== other[index]) return one[index] < other[index] ? -1 : 1;
      }
      return Math.sign(one.length - other.length);
    }
    get parent() { return this.buffer; }
    get offset() { return this.byteOffset; }
    toString(encoding, start = 0, end = this.length) {
      return host.decode(Uint8Array.prototype.subarray.call(this, Math.max(0, start), end), encodingOf(encoding));
    }
    toLocaleString(encoding, start, end) { return this.toString(encoding, start, end); }
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
    equals(other) { return Buffer.compare(this, other) === 0; }
    compare(other) { return Buffer.compare(this, other); }
    slice(start, end) { return this.subarray(start, end); }
    write(text, offset = 0, length, encoding) {
      if (typeof offset === 'string') return this.write(text, 0, undefined, offset);
      if (typeof length === 'string') return this.write(text, offset, undefined, length);
      const bytes = encoded(text, encoding).subarray(0, Math.min(length ?? Infinity, this.length - offset));
      this.set(bytes, offset);
      return bytes.length;
    }
    copy(target, at = 0, start = 0, end = this.length) {
      const bytes = this.subarray(start, Math.min(end, start + target.length - at));
      target.set(bytes, at);
      return bytes.length;
    }
    fill(value, start = 0, end = this.length, encoding = undefined) {
      if (typeof start === 'string') return this.fill(value, 0, this.length, start);
      if (typeof value !== 'string' && !ArrayBuffer.isView(value)) return super.fill(value, start, end);
      const bytes = typeof value === 'string' ? encoded(value, encoding) : value;
      if (bytes.length === 0) return super.fill(0, start, end);
      for (let index = start; index < end; index += 1) this[index] = bytes[(index - start) % bytes.length];
      return this;
    }
    indexOf(value, from = 0, encoding = undefined) {
      if (typeof value === 'number') return super.indexOf(value & 255, from);
      const bytes = typeof value === 'string' ? encoded(value, encoding) : value;
      for (let at = Math.max(0, from); at + bytes.length <= this.length; at += 1) {
        if (bytes.every((byte, index) => this[at + index] === byte)) return at;
      }
      return -1;
    }
    lastIndexOf(value, from = this.length, encoding = undefined) {
      if (typeof value === 'number') return super.lastIndexOf(value & 255, Math.min(from, this.length - 1));
      const bytes = typeof value === 'string' ? encoded(value, encoding) : value;
      for (let at = Math.min(from, this.length - bytes.length); at >= 0; at -= 1) {
        if (bytes.every((byte, index) => this[at + index] === byte)) return at;
      }
      return -1;
    }
    includes(value, from, encoding) { return this.indexOf(value, from, encoding) >= 0; }
    readUIntBE(offset, length) {
      let value = 0;
      for (let index = 0; index < length; index += 1) value = value * 256 + this[offset + index];
      return value;
    }
    readUIntLE(offset, length) {
      let value = 0;
      for (let index = length - 1; index >= 0; index -= 1) value = value * 256 + this[offset + index];
      return value;
    }
    writeUIntBE(value, offset, length) {
      for (let index = length - 1; index >= 0; index -= 1) { this[offset + index] = value % 256; value = Math.floor(value / 256); }
      return offset + length;
    }
    writeUIntLE(value, offset, length) {
      for (let index = 0; index < length; index += 1) { this[offset + index] = value % 256; value = Math.floor(value / 256); }
      return offset + length;
    }
    [internals.inspect.custom]() {
      const shown = Array.from(Uint8Array.prototype.subarray.call(this, 0, 50), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      return `<Buffer${shown ? ` ${shown}` : ''}${this.length > 50 ? ` ... ${this.length - 50} more bytes` : ''}>`;
    }
  }
  const asBuffer = (bytes) => new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  internals.asBuffer = asBuffer;

  for (const size of [2, 4, 8]) {
    const name = `swap${size * 8}`;
    const swap = function () {
      if (this.length % size !== 0) {
        throw Object.assign(new RangeError(`Buffer size must be a multiple of ${size * 8}-bits`), { code: 'ERR_INVALID_BUFFER_SIZE' });
      }
      for (let at = 0; at < this.length; at += size) Uint8Array.prototype.subarray.call(this, at, at + size).reverse();
      return this;
    };
    Object.defineProperty(swap, 'name', { value: name });
    Object.defineProperty(Buffer.prototype, name, { value: swap, writable: true, configurable: true });
  }

  // A view of it in which there are as many bytes from there on.
  const view = (buffer, offset, size) => {
    if (typeof offset !== 'number') {
      throw Object.assign(new TypeError(`The "offset" argument must be of type number. Received type ${typeof offset}`), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    if (buffer.length < size) {
      throw Object.assign(new RangeError('Attempt to access memory outside buffer bounds'), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' });
    }
    if (!(offset >= 0 && offset <= buffer.length - size)) {
      throw outOfRange(`The value of "offset" is out of range. It must be >= 0 and <= ${buffer.length - size}. Received ${offset}`);
    }
    return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  };
  for (const [name, size, kind] of [
    ['UInt8', 1, 'Uint8'], ['Int8', 1, 'Int8'], ['UInt16', 2, 'Uint16'], ['Int16', 2, 'Int16'], ['UInt32', 4, 'Uint32'],
    ['Int32', 4, 'Int32'], ['BigUInt64', 8, 'BigUint64'], ['BigInt64', 8, 'BigInt64'], ['Float', 4, 'Float32'], ['Double', 8, 'Float64'],
  ]) {
    for (const [order, little] of size === 1 ? [['', true]] : [['LE', true], ['BE', false]]) {
      const read = { [`read${name}${order}`](offset = 0) { return view(this, offset, size)[`get${kind}`](offset, little); } };
      const write = {
        [`write${name}${order}`](value, offset = 0) { view(this, offset, size)[`set${kind}`](offset, value, little); return offset + size; },
      };
      for (const [key, method] of [...Object.entries(read), ...Object.entries(write)]) {
        for (const alias of [key, key.replace('UInt', 'Uint')]) {
          Object.defineProperty(Buffer.prototype, alias, { value: method, writable: true, configurable: true });
        }
      }
    }
  }

  for (const kind of [TextEncoder, TextDecoder, Buffer]) internals.expose(kind.name, kind);

  const outside = () => new DOMException('Invalid character', 'InvalidCharacterError');
  internals.expose('btoa', function btoa(text) {
    const latin1 = `${text}`;
    for (let index = 0; index < latin1.length; index += 1) if (latin1.charCodeAt(index) > 255) throw outside();
    return host.decode(host.encode(latin1, 'latin1'), 'base64');
  });
  internals.expose('atob', function atob(base64) {
    const bare = `${base64}`.replace(/[\t\n\f\r ]/g, '');
    const digits = bare.length % 4 === 0 ? bare.replace(/={1,2}$/, '') : bare;
    if (/[^A-Za-z0-9+/]/.test(digits) || digits.length % 4 === 1) throw outside();
    return host.decode(host.encode(digits, 'base64'), 'latin1');
  });
})
