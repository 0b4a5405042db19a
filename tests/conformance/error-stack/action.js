exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const inner = () => {
    throw new TypeError('first line\nsecond line');
  };
  const outer = () => inner();
  try {
    outer();
  } catch (error) {
    const lines = error.stack.split('\n');
    console.log(lines[0], '|', lines[1]);
    console.log(/\binner\b.*action\.js:3:\d+/.test(lines[2]), /\bouter\b.*action\.js:5:\d+/.test(lines[3]), lines.length > 4);
  }
  const made = new Error('made');
  console.log(made.stack.split('\n')[0], /action\.js:13:\d+\)?$/.test(made.stack.split('\n')[1]));
  made.message = 'changed';
  made.name = 'Other';
  console.log(made.stack.split('\n')[0], String(made));
  console.log(Object.keys(made).join(), Object.getOwnPropertyNames(made).sort().join(), 'stack' in made);
  try { null.x; } catch (error) { console.log(error.stack.startsWith('TypeError: '), error.stack.includes(error.message), error.constructor === TypeError); }
  try { nothing; } catch (error) { console.log(error.stack.split('\n')[0], error.name); }
  try { JSON.parse('{'); } catch (error) { console.log(error.name, error.stack.startsWith('SyntaxError: ')); }
  const later = await new Promise((resolve) => setTimeout(() => resolve(new Error('late')), 1));
  console.log(later.stack.split('\n')[0], /action\.js:2\d/.test(later.stack));
  const cause = new Error('outer', { cause: made });
  console.log(cause.cause === made, cause.stack.startsWith('Error: outer\n'));
  const captured = {};
  Error.captureStackTrace(captured);
  console.log(typeof captured.stack, new AggregateError([made], 'all').errors.length);
  class Own extends Error { get name() { return 'Own'; } }
  console.log(new Own('x').toString(), new Own('x').stack.includes('action.js'));
  console.log(new DOMException('stopped', 'AbortError').toString(), new DOMException('x').code, new DOMException('x', 'AbortError').code);
};
