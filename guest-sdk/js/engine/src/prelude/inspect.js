// Values as Node's console shows them, and `util.format`.
(function (host, internals) {
  'use strict';

  const WIDTH = 72;
  const LONGEST = 8192;
  const custom = Symbol.for('nodejs.util.inspect.custom');

  const quoted = (text) => {
    const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    const quote = !cut.includes("'") ? "'" : !cut.includes('"') ? '"' : !cut.includes('`') ? '`' : "'";
    const escaped = cut.replace(/[\\\n\r\t\b\f\v]/g, (c) => ({
      '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f', '\v': '\\v',
    })[c]);
    return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
  };

  const primitive = (value) => {
    if (typeof value === 'string') return quoted(value);
    if (typeof value === 'bigint') return `${value}n`;
    if (Object.is(value, -0)) return '-0';
    return String(value);
  };

  const named = (value) => {
    for (let at = value; at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
      const made = Object.getOwnPropertyDescriptor(at, 'constructor');
      if (made !== undefined && typeof made.value === 'function' && made.value.name !== '') return made.value.name;
    }
    return null;
  };

  const keyed = (key) => {
    if (typeof key === 'symbol') return `[${String(key)}]`;
    return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
  };

  // With its head, which V8's stacks have and the engine's do not.
  const stackOf = (error) => {
    const head = error.message ? `${error.name}: ${error.message}` : `${error.name}`;
    const stack = typeof error.stack === 'string' ? error.stack.replace(/\n$/, '') : '';
    const own = stack.split('\n').filter((line) => line.trim() !== '' && !line.includes('phonebox:') && !line.includes('(native)'));
    return [head, ...own].join('\n');
  };

  const joined = (open, parts, close, indent) => {
    if (parts.length === 0) return open === '[' || open.endsWith(' [') ? `${open}${close}` : `${open}${close}`;
    const line = `${open} ${parts.join(', ')} ${close}`;
    if (line.length + indent.length <= WIDTH + 4 && !line.includes('\n')) return line;
    return `${open}\n${parts.map((part) => `${indent}  ${part}`).join(',\n')}\n${indent}${close}`;
  };

  const inspectAt = (value, options, depth, indent, seen) => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(value);
    if (typeof value[custom] === 'function') {
      const shown = value[custom](options.depth - depth, options, internals.inspect);
      if (shown !== value) return typeof shown === 'string' ? shown : inspectAt(shown, options, depth, indent, seen);
    }
    if (seen.includes(value)) return '[Circular *1]';
    const inner = [...seen, value];
    const name = named(value);
    const nested = (of) => inspectAt(of, options, depth + 1, `${indent}  `, inner);
    const own = () => {
      const keys = [...Object.keys(value), ...Object.getOwnPropertySymbols(value).filter((key) => Object.getOwnPropertyDescriptor(value, key).enumerable)];
      return keys.map((key) => {
        const { get, set, value: of } = Object.getOwnPropertyDescriptor(value, key) ?? { value: value[key] };
        const shown = get !== undefined ? (set !== undefined ? '[Getter/Setter]' : '[Getter]') : set !== undefined ? '[Setter]' : nested(of);
        return `${keyed(key)}: ${shown}`;
      });
    };
    if (typeof value === 'function') {
      const isClass = /^class\b/.test(Function.prototype.toString.call(value));
      const kind = isClass ? 'class' : name ?? 'Function';
      const head = `[${kind}${value.name ? (isClass ? ` ${value.name}` : `: ${value.name}`) : ' (anonymous)'}]`;
      const parts = own();
      return parts.length === 0 ? head : joined(`${head} {`, parts, '}', indent);
    }
    if (value instanceof Error || value instanceof DOMException) {
      const keys = own().filter((part) => !/^(stack|message|name|cause):/.test(part));
      if (value.cause !== undefined) keys.push(`[cause]: ${nested(value.cause)}`);
      const stack = depth === 0 ? stackOf(value) : `[${stackOf(value).split('\n').slice(0, 2).map((line) => line.trim()).join(' ')}]`;
      return keys.length === 0 ? stack : joined(`${stack} {`, keys, '}', indent);
    }
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Boolean || value instanceof Number || value instanceof String) return `[${name}: ${primitive(value.valueOf())}]`;
    if (value instanceof Promise) return 'Promise { <pending> }';
    if (depth > options.depth) return Array.isArray(value) ? '[Array]' : `[${name ?? 'Object: null prototype'}]`;
    if (Array.isArray(value)) {
      const most = Array.prototype.slice.call(value, 0, 100).map(nested);
      if (value.length > 100) most.push(`... ${value.length - 100} more item${value.length > 101 ? 's' : ''}`);
      return joined(name === 'Array' ? '[' : `${name}(${value.length}) [`, most, ']', indent);
    }
    if (typeof Buffer === 'function' && value instanceof Buffer) {
      const shown = Array.from(value.subarray(0, 50), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const more = value.length > 50 ? ` ... ${value.length - 50} more bytes` : '';
      return `<Buffer${shown ? ` ${shown}` : ''}${more}>`;
    }
    if (ArrayBuffer.isView(value) && typeof value.length === 'number') {
      const most = Array.from(value.subarray(0, 100), primitive);
      if (value.length > 100) most.push(`... ${value.length - 100} more items`);
      return joined(`${name}(${value.length}) [`, most, ']', indent);
    }
    if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
    if (value instanceof Map) {
      return joined(`Map(${value.size}) {`, [...value].map(([key, of]) => `${nested(key)} => ${nested(of)}`), '}', indent);
    }
    if (value instanceof Set) return joined(`Set(${value.size}) {`, [...value].map(nested), '}', indent);
    const tag = typeof value[Symbol.toStringTag] === 'string' && value[Symbol.toStringTag] !== name ? `[${value[Symbol.toStringTag]}] ` : '';
    const prefix = name === null ? '[Object: null prototype] ' : name === 'Object' ? '' : `${name} `;
    return joined(`${prefix}${tag}{`, own(), '}', indent);
  };

  internals.inspect = (value, options) => {
    const depth = options?.depth === undefined ? 2 : options.depth === null ? Infinity : options.depth;
    try {
      return inspectAt(value, { ...options, depth }, 0, '', []);
    } catch (error) {
      return `[${typeof value} that cannot be shown: ${error?.message}]`;
    }
  };
  internals.inspect.custom = custom;

  const number = (value, how) => (typeof value === 'bigint' ? `${value}n` : typeof value === 'symbol' ? 'NaN' : String(how(value)));
  const json = (value) => {
    try { return JSON.stringify(value); } catch { return '[Circular]'; }
  };

  internals.format = (...values) => {
    let at = 0;
    let text = '';
    if (typeof values[0] === 'string') {
      at = 1;
      text = values[0].replace(/%([sdifjoOc%])/g, (whole, kind) => {
        if (kind === '%') return values.length > 1 ? '%' : whole;
        if (at >= values.length) return whole;
        const value = values[at];
        at += 1;
        switch (kind) {
          case 's': return typeof value === 'string' ? value : typeof value === 'object' && value !== null ? internals.inspect(value, { depth: 0 }) : primitive(value);
          case 'd': return typeof value === 'object' ? 'NaN' : number(value, Number);
          case 'i': return typeof value === 'object' ? 'NaN' : number(value, parseInt);
          case 'f': return number(value, parseFloat);
          case 'j': return json(value);
          case 'o': return internals.inspect(value, { depth: 4 });
          case 'O': return internals.inspect(value);
          default: return '';
        }
      });
    }
    const rest = values.slice(at).map((value) => (typeof value === 'string' ? value : internals.inspect(value)));
    return at === 0 ? rest.join(' ') : [text, ...rest].join(' ');
  };
})
