(function (host, internals) {
  'use strict';

  const [DEBUG, INFO, WARN, ERROR] = [0, 1, 2, 3];
  const counts = new Map();
  const began = new Map();
  let indent = '';

  const write = (level, values) => {
    const text = internals.format(...values);
    host.log(level, (indent === '' ? text : text.replace(/^/gm, indent)).toWellFormed());
  };
  internals.log = (level, ...values) => write(level, values);

  const table = (value, only) => {
    if (value === null || typeof value !== 'object') return value;
    const rows = value instanceof Map ? [...value] : Object.entries(value instanceof Set ? [...value] : value);
    const cell = (of) => internals.inspect(of, { depth: 0 });
    const columns = only ?? [...new Set(rows.flatMap(([, row]) => (row !== null && typeof row === 'object' ? Object.keys(row) : [])))];
    const plain = rows.some(([, row]) => row === null || typeof row !== 'object');
    const lines = [['(index)', ...columns, ...(plain ? ['Values'] : [])]];
    for (const [index, row] of rows) {
      const has = row !== null && typeof row === 'object';
      lines.push([`${index}`, ...columns.map((column) => (has && Object.hasOwn(row, column) ? cell(row[column]) : '')), ...(plain ? [has ? '' : cell(row)] : [])]);
    }
    const widths = lines[0].map((_, at) => Math.max(...lines.map((line) => line[at].length)) + 2);
    const rule = (left, middle, right) => left + widths.map((width) => '─'.repeat(width)).join(middle) + right;
    const drawn = lines.map((line) => `│${line.map((text, at) => ` ${text}`.padEnd(widths[at])).join('│')}│`);
    return [rule('┌', '┬', '┐'), drawn[0], rule('├', '┼', '┤'), ...drawn.slice(1), rule('└', '┴', '┘')].join('\n');
  };

  const passed = (label) => `${label}: ${host.now() - began.get(label)}ms`;
  const console = {
    log: (...values) => write(INFO, values),
    info: (...values) => write(INFO, values),
    debug: (...values) => write(DEBUG, values),
    warn: (...values) => write(WARN, values),
    error: (...values) => write(ERROR, values),
    trace: (...values) => {
      const stack = internals.inspect(new Error()).split('\n').slice(1).join('\n');
      write(ERROR, [`Trace: ${internals.format(...values)}\n${stack}`]);
    },
    dir: (value, options) => write(INFO, [internals.inspect(value, options)]),
    dirxml: (...values) => write(INFO, values),
    table: (value, columns) => write(INFO, [table(value, columns)]),
    assert: (holds, ...values) => {
      if (!holds) write(ERROR, typeof values[0] === 'string' ? [`Assertion failed: ${values[0]}`, ...values.slice(1)] : ['Assertion failed', ...values]);
    },
    count: (label = 'default') => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      write(INFO, [`${label}: ${counts.get(label)}`]);
    },
    countReset: (label = 'default') => { counts.delete(label); },
    group: (...values) => {
      if (values.length > 0) write(INFO, values);
      indent += '  ';
    },
    groupEnd: () => { indent = indent.slice(2); },
    time: (label = 'default') => { began.set(`${label}`, host.now()); },
    timeLog: (label = 'default', ...values) => { if (began.has(label)) write(INFO, [passed(label), ...values]); },
    timeEnd: (label = 'default') => {
      if (began.has(label)) write(INFO, [passed(label)]);
      began.delete(label);
    },
  };
  console.groupCollapsed = console.group;
  internals.expose('console', console);
})
