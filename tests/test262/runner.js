// The action that runs a test of test262: what the tests include is evaluated when it is built, and a test in each run. Put
// in front of it is `const INCLUDES = […]`, the sources of what is included; a test comes as the notification's text.
'use strict';
const { JSON: { parse }, String: text, eval: evaluate } = globalThis;
globalThis.$262 = {
  detachArrayBuffer: (buffer) => { buffer.transfer(); },
  gc: () => {},
  global: globalThis,
};
globalThis.print = () => {};
// What is evaluated has its `const` for itself.
for (const source of INCLUDES) evaluate(source.replace(/^const (?=\w+ = )/gm, 'var '));

exports.onExecuteCustomPhoneProvider = async (event, { notification: { drop } }) => {
  const { source, negative, isAsync } = parse(event.notification.as_text);
  let done;
  const awaited = new Promise((resolve) => { done = resolve; });
  if (isAsync) globalThis.$DONE = (error) => done([error !== undefined && !!error, error]);
  let failed = true;
  let thrown;
  try {
    evaluate(source);
    failed = false;
  } catch (error) {
    thrown = error;
  }
  if (isAsync && !failed) [failed, thrown] = await awaited;
  if (negative !== null) {
    if (!failed) drop(`no ${negative}`);
    else if (thrown?.constructor?.name !== negative) drop(`no ${negative}, but ${text(thrown)}`);
  } else if (failed) {
    drop(thrown?.constructor?.name === 'Test262Error' ? thrown.message : text(thrown));
  }
};
