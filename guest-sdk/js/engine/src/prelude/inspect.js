// Values as Node's console shows them, and `util.format`. How what is shown is laid out in lines follows Node's own
// `util.inspect` (MIT): where it breaks them and how it groups the values of a list.
(function (host, internals) {
  'use strict';

  const WIDTH = 80;
  const COMPACT = 3;
  const MOST = 100;
  const LONGEST = 10000;
  const custom = Symbol.for('nodejs.util.inspect.custom');

  const ESCAPES = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f', '\v': '\\v' };
  const quoted = (text) => {
    const quote = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') && !text.includes('${') ? '`' : "'";
    const escaped = text.replace(/[\\\0-\x1f\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, (c) => {
      const code = c.charCodeAt(0);
      return ESCAPES[c] ?? (code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`);
    });
    return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
  };
  const number = (value) => (Object.is(value, -0) ? '-0' : `${value}`);

  const primitive = (context, value) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'number') return number(value);
    if (typeof value !== 'string') return String(value);
    const cut = value.length > LONGEST ? value.slice(0, LONGEST) : value;
    const more = value.length - cut.length;
    const rest = more > 0 ? `... ${more} more character${more > 1 ? 's' : ''}` : '';
    // Long texts of several lines are shown a line each.
    if (context.compact !== true && cut.length > 16 && cut.length > WIDTH - context.indent - 4) {
      return cut.split(/(?<=\n)/).map(quoted).join(` +\n${' '.repeat(context.indent + 2)}`) + rest;
    }
    return quoted(cut) + rest;
  };

  const keyed = (key) => {
    if (typeof key === 'symbol') return `[${String(key)}]`;
    return /^[A-Za-z_][A-Za-z_0-9]*$/.test(key) ? key : quoted(key);
  };

  // The name of what made it; null if nothing did.
  const makerOf = (value) => {
    let steps = 0;
    for (let at = value; at !== null; at = Object.getPrototypeOf(at), steps += 1) {
      const made = Object.getOwnPropertyDescriptor(at, 'constructor');
      if (made !== undefined && typeof made.value === 'function' && made.value.name !== '' && (value instanceof made.value || at === value)) {
        return made.value.name;
      }
    }
    return null;
  };
  const prefixed = (maker, tag, fallback, size = '') => {
    const tagged = tag !== '' && maker !== tag ? `[${tag}] ` : '';
    return maker === null ? `[${fallback}${size}: null prototype] ${tagged}` : `${maker}${size} ${tagged}`;
  };

  const keysOf = (value) => [
    ...Object.keys(value),
    ...Object.getOwnPropertySymbols(value).filter((key) => Object.getOwnPropertyDescriptor(value, key)?.enumerable),
  ];

  const classOf = (value, maker, tag) => {
    let text = `[class ${Object.hasOwn(value, 'name') && value.name ? value.name : '(anonymous)'}`;
    if (maker !== 'Function' && maker !== null) text += ` [${maker}]`;
    if (tag !== '' && maker !== tag) text += ` [${tag}]`;
    const above = Object.getPrototypeOf(value);
    if (maker === null) text += ' extends [null prototype]';
    else if (above?.name) text += ` extends ${above.name}`;
    return `${text}]`;
  };
  const functionOf = (value, maker, tag) => {
    const source = Function.prototype.toString.call(value);
    if (source.startsWith('class') && source.endsWith('}') && !/^class\s*\(/.test(source)) return classOf(value, maker, tag);
    const kind = { AsyncFunction: 'AsyncFunction', GeneratorFunction: 'GeneratorFunction', AsyncGeneratorFunction: 'AsyncGeneratorFunction' }[tag] ?? 'Function';
    let text = `[${kind}`;
    if (maker === null) text += ' (null prototype)';
    text += value.name ? `: ${value.name}]` : ' (anonymous)]';
    if (maker !== kind && maker !== null) text += ` ${maker}`;
    if (tag !== '' && maker !== tag) text += ` [${tag}]`;
    return text;
  };

  // A DOMException's stack is the engine's, which has neither a head nor only the action's own frames.
  const stackOf = (error) => {
    if (!error.stack) return Error.prototype.toString.call(error);
    if (!(error instanceof DOMException)) return `${error.stack}`;
    const frames = `${error.stack}`.split('\n').filter((line) => line !== '' && !/\((native|missing|phonebox:.*)\)$/.test(line));
    return [Error.prototype.toString.call(error), ...frames].join('\n');
  };
  const errorOf = (context, error, maker, tag, keys) => {
    const name = error.name === null || error.name === undefined ? 'Error' : `${error.name}`;
    let stack = stackOf(error);
    for (const key of ['name', 'message', 'stack']) {
      const at = keys.indexOf(key);
      if (at >= 0 && (typeof error[key] !== 'string' || stack.includes(error[key])) && error[key] !== undefined) keys.splice(at, 1);
    }
    for (const key of ['cause', 'errors']) {
      const there = key === 'cause' ? 'cause' in error : Array.isArray(error.errors);
      if (there && !keys.includes(key)) keys.push(key);
    }
    const begins = name.endsWith('Error') && stack.startsWith(name) && (stack.length === name.length || /[:\n]/.test(stack[name.length]));
    if (begins && maker !== null) {
      const better = prefixed(maker, tag, 'Error').slice(0, -1);
      if (name !== better) stack = better.includes(name) ? better + stack.slice(name.length) : `${better} [${name}]${stack.slice(name.length)}`;
    }
    const after = error.message ? Math.max(0, stack.indexOf(error.message)) + `${error.message}`.length : 0;
    if (!stack.includes('\n    at', error.message && stack.includes(error.message) ? after : 0)) stack = `[${stack}]`;
    return context.indent === 0 ? stack : stack.replaceAll('\n', `\n${' '.repeat(context.indent)}`);
  };

  const property = (context, value, key, depth, listed) => {
    const found = Object.getOwnPropertyDescriptor(value, key) ?? { value: value[key], enumerable: true };
    let shown;
    if (found.get !== undefined) shown = found.set !== undefined ? '[Getter/Setter]' : '[Getter]';
    else if (found.set !== undefined) shown = '[Setter]';
    else {
      context.indent += 2;
      shown = shownOf(context, found.value, depth);
      context.indent -= 2;
    }
    if (listed) return shown;
    return `${found.enumerable === false ? `[${String(key)}]` : keyed(key)}: ${shown}`;
  };

  const listOf = (context, value, depth) => {
    const parts = [];
    let holes = 0;
    let at = 0;
    const flush = () => {
      if (holes > 0) parts.push(`<${holes} empty item${holes > 1 ? 's' : ''}>`);
      holes = 0;
    };
    for (; at < value.length && parts.length < MOST; at += 1) {
      if (!Object.hasOwn(value, at)) { holes += 1; continue; }
      flush();
      if (parts.length < MOST) parts.push(property(context, value, `${at}`, depth, true));
    }
    flush();
    if (at < value.length) parts.push(`... ${value.length - at} more item${value.length - at > 1 ? 's' : ''}`);
    return parts;
  };

  // Short values of a long list stand in columns.
  const grouped = (context, parts, value) => {
    let total = 0;
    let longest = 0;
    const length = value !== undefined && value.length > MOST ? parts.length - 1 : parts.length;
    if (parts.length <= 6) return parts;
    const lengths = [];
    for (let at = 0; at < length; at += 1) {
      lengths.push([...parts[at]].length);
      total += lengths[at] + 2;
      longest = Math.max(longest, lengths[at]);
    }
    const widest = longest + 2;
    if (widest * 3 + context.indent >= WIDTH || !(total / widest > 5 || longest <= 6)) return parts;
    const biased = Math.max(widest - 3 - Math.sqrt(widest - total / parts.length), 1);
    const columns = Math.min(
      Math.round(Math.sqrt(2.5 * biased * length) / biased),
      Math.floor((WIDTH - context.indent) / widest),
      COMPACT * 4,
      15,
    );
    if (columns <= 1) return parts;
    const widths = [];
    for (let column = 0; column < columns; column += 1) {
      let width = 0;
      for (let at = column; at < length; at += columns) width = Math.max(width, lengths[at]);
      widths.push(width + 2);
    }
    const right = value !== undefined && value.every((one) => typeof one === 'number' || typeof one === 'bigint');
    const lines = [];
    for (let at = 0; at < length; at += columns) {
      const end = Math.min(at + columns, length);
      let line = '';
      let of = at;
      for (; of < end - 1; of += 1) {
        const cell = `${parts[of]}, `;
        const width = widths[of - at] + cell.length - lengths[of] - 2;
        line += right ? cell.padStart(width) : cell.padEnd(width);
      }
      line += right ? parts[of].padStart(widths[of - at] + parts[of].length - lengths[of] - 2) : parts[of];
      lines.push(line);
    }
    if (length < parts.length) lines.push(parts[length]);
    return lines;
  };

  // In one line if that is short and there is little in it.
  const joined = (context, parts, base, open, close, listed, depth, value) => {
    let lines = parts;
    if (context.compact !== true) {
      const entries = parts.length;
      if (listed && entries > 6) lines = grouped(context, parts, value);
      if (context.depth_ - depth < COMPACT && entries === lines.length) {
        const start = lines.length + context.indent + open.length + base.length + 10;
        const total = lines.reduce((sum, part) => sum + part.length, lines.length + start);
        const fits = total <= WIDTH && (base === '' || !base.includes('\n'));
        if (fits && !lines.some((line) => line.includes('\n'))) return `${base ? `${base} ` : ''}${open} ${lines.join(', ')} ${close}`;
      }
      const indent = `\n${' '.repeat(context.indent)}`;
      return `${base ? `${base} ` : ''}${open}${indent}  ${lines.join(`,${indent}  `)}${indent}${close}`;
    }
    return `${open}${base ? ` ${base}` : ''} ${lines.join(', ')} ${close}`;
  };

  const shownOf = (context, value, depth) => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(context, value);
    const own = value[custom];
    if (typeof own === 'function' && own !== internals.inspect) {
      const left = context.depth === null ? Infinity : context.depth - depth;
      const shown = own.call(value, left, { ...context.options, depth: left }, internals.inspect);
      if (shown !== value) {
        return typeof shown === 'object' && shown !== null ? shownOf(context, shown, depth) : `${shown}`.replaceAll('\n', `\n${' '.repeat(context.indent)}`);
      }
    }
    if (context.seen.includes(value)) {
      if (!context.circular.has(value)) context.circular.set(value, context.circular.size + 1);
      return `[Circular *${context.circular.get(value)}]`;
    }
    return rawOf(context, value, depth);
  };

  const rawOf = (context, value, depth) => {
    const maker = makerOf(value);
    let tag = value[Symbol.toStringTag];
    if (typeof tag !== 'string' || tag === '' || (tag !== '' && Object.hasOwn(value, Symbol.toStringTag) && Object.getOwnPropertyDescriptor(value, Symbol.toStringTag).enumerable)) tag = '';
    let keys = keysOf(value);
    let base = '';
    let [open, close] = ['{', '}'];
    let parts = () => [];
    let listed = false;
    let list;
    const size = (count) => `(${count})`;
    if (Array.isArray(value)) {
      keys = keys.filter((key) => typeof key === 'symbol' || !/^(0|[1-9]\d*)$/.test(key));
      const prefix = maker !== 'Array' || tag !== '' ? prefixed(maker, tag, 'Array', size(value.length)) : '';
      [open, close] = [`${prefix}[`, ']'];
      if (value.length === 0 && keys.length === 0) return `${open}]`;
      [parts, listed, list] = [() => listOf(context, value, depth + 1), true, value];
    } else if (value instanceof Set || value instanceof Map) {
      const kind = value instanceof Set ? 'Set' : 'Map';
      open = `${prefixed(maker, tag, kind, size(value.size))}{`;
      if (value.size === 0 && keys.length === 0) return `${open}}`;
      parts = () => {
        context.indent += 2;
        const of = (one) => shownOf(context, one, depth + 1);
        const all = kind === 'Set' ? [...value].map(of) : [...value].map(([key, one]) => `${of(key)} => ${of(one)}`);
        context.indent -= 2;
        return all;
      };
    } else if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      keys = keys.filter((key) => typeof key === 'symbol' || !/^(0|[1-9]\d*)$/.test(key));
      [open, close] = [`${prefixed(maker, tag, 'TypedArray', size(value.length))}[`, ']'];
      if (value.length === 0 && keys.length === 0) return `${open}]`;
      parts = () => {
        const all = Array.from(value.subarray(0, MOST), (one) => primitive(context, one));
        if (value.length > MOST) all.push(`... ${value.length - MOST} more item${value.length > MOST + 1 ? 's' : ''}`);
        return all;
      };
      [listed, list] = [true, value];
    } else if (typeof value === 'function') {
      base = functionOf(value, maker, tag);
      if (keys.length === 0) return base;
    } else if (Object.prototype.toString.call(value) === '[object Arguments]') {
      open = '[Arguments] {';
    } else if (value instanceof RegExp) {
      base = RegExp.prototype.toString.call(value);
      if (maker !== 'RegExp') base = `${prefixed(maker, tag, 'RegExp')}${base}`;
      if (keys.length === 0) return base;
    } else if (value instanceof Date) {
      base = Number.isNaN(value.getTime()) ? Date.prototype.toString.call(value) : Date.prototype.toISOString.call(value);
      if (maker !== 'Date') base = `${prefixed(maker, tag, 'Date')}${base}`;
      if (keys.length === 0) return base;
    } else if (value instanceof Error || value instanceof DOMException) {
      base = errorOf(context, value, maker, tag, keys);
      if (keys.length === 0) return base;
    } else if (value instanceof ArrayBuffer) {
      const shown = Array.from(new Uint8Array(value, 0, Math.min(50, value.byteLength)), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const more = value.byteLength > 50 ? ` ... ${value.byteLength - 50} more byte${value.byteLength > 51 ? 's' : ''}` : '';
      open = `${prefixed(maker, tag, 'ArrayBuffer')}{`;
      parts = () => [`[Uint8Contents]: <${shown}${more}>`, `byteLength: ${value.byteLength}`];
    } else if (value instanceof Promise) {
      open = `${prefixed(maker, tag, 'Promise')}{`;
      parts = () => {
        const [state, settled] = host.promise(value);
        if (state === 'pending') return ['<pending>'];
        context.indent += 2;
        const shown = shownOf(context, settled, depth + 1);
        context.indent -= 2;
        return [state === 'rejected' ? `<rejected> ${shown}` : shown];
      };
    } else if (value instanceof WeakSet || value instanceof WeakMap) {
      open = `${prefixed(maker, tag, 'WeakMap')}{`;
      parts = () => ['<items unknown>'];
    } else if (value instanceof WeakRef) {
      open = `${prefixed(maker, tag, 'WeakRef')}{`;
      parts = () => ['<ref>'];
    } else if ([Number, String, Boolean, Symbol, BigInt].some((kind) => value instanceof kind)) {
      const kind = [Number, String, Boolean, Symbol, BigInt].find((one) => value instanceof one);
      if (kind === String) keys = keys.filter((key) => typeof key === 'symbol' || !/^(0|[1-9]\d*)$/.test(key));
      const plain = shownOf({ ...context, indent: 0, compact: true }, kind.prototype.valueOf.call(value), depth);
      base = `[${kind.name}${maker === kind.name ? '' : ` (${maker ?? 'null prototype'})`}: ${plain}]`;
      if (keys.length === 0) return base;
    } else {
      const prefix = maker === 'Object' && tag === '' ? '' : prefixed(maker, tag, 'Object');
      open = `${prefix}{`;
      if (keys.length === 0) return `${open}}`;
    }
    if (context.depth !== null && depth > context.depth) {
      return `[${maker === null ? prefixed(maker, tag, Array.isArray(value) ? 'Array' : 'Object').slice(1).replace(/\] $/, '') : maker}${tag !== '' && tag !== maker ? ` [${tag}]` : ''}]`;
    }
    context.seen.push(value);
    context.depth_ = depth + 1;
    const all = parts();
    for (const key of keys) all.push(property(context, value, key, depth + 1, false));
    context.seen.pop();
    if (context.circular.has(value)) {
      const reference = `<ref *${context.circular.get(value)}>`;
      if (context.compact !== true) base = base === '' ? reference : `${reference} ${base}`;
      else open = `${reference} ${open}`;
    }
    return joined(context, all, base, open, close, listed, depth + 1, list);
  };

  internals.inspect = (value, options, depth) => {
    // As it was before there were options: inspect(value, showHidden, depth).
    const given = typeof options === 'object' && options !== null ? options : depth === undefined ? {} : { depth };
    const context = {
      options: given, depth: given.depth === undefined ? 2 : given.depth === Infinity ? null : given.depth, compact: given.compact,
      indent: given.indent ?? 0, seen: [], circular: new Map(), depth_: 0,
    };
    try {
      return shownOf(context, value, 0);
    } catch (error) {
      return `[${typeof value} that cannot be shown: ${error?.message}]`;
    }
  };
  internals.inspect.custom = custom;
  internals.inspect.defaultOptions = { depth: 2, compact: COMPACT, breakLength: WIDTH, maxArrayLength: MOST, maxStringLength: LONGEST };

  const counted = (value, how) => (typeof value === 'bigint' ? `${value}n` : typeof value === 'symbol' ? 'NaN' : number(how(value)));
  const json = (value) => {
    try { return JSON.stringify(value); } catch (error) {
      if (/circular/i.test(error?.message)) return '[Circular]';
      throw error;
    }
  };
  // Whether an object has a way of its own to be a text.
  const textual = (value) => {
    const own = value.toString;
    return typeof own === 'function' && own !== Object.prototype.toString && own !== Error.prototype.toString && own !== Array.prototype.toString && own !== Function.prototype.toString && own !== Date.prototype.toString && own !== RegExp.prototype.toString;
  };
  const texted = (value) => {
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return number(value);
    if (typeof value === 'bigint') return `${value}n`;
    if (value === null || typeof value !== 'object') return String(value);
    return textual(value) ? String(value) : internals.inspect(value, { depth: 0 });
  };

  internals.format = (...values) => {
    let at = 0;
    let text = '';
    if (typeof values[0] === 'string') {
      if (values.length === 1) return values[0];
      at = 1;
      text = values[0].replace(/%([sdifjoOc%])/g, (whole, kind) => {
        if (kind === '%') return '%';
        if (at >= values.length) return whole;
        const value = values[at];
        at += 1;
        switch (kind) {
          case 's': return texted(value);
          case 'd': return typeof value === 'object' && value !== null ? 'NaN' : counted(value, Number);
          case 'i': return typeof value === 'object' && value !== null ? 'NaN' : counted(value, parseInt);
          case 'f': return typeof value === 'symbol' ? 'NaN' : number(parseFloat(value));
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
