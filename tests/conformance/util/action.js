exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const util = require('util');
  console.log(util.format('%s %d', 'a', 1, { b: 2 }), util.format(1, 2), util.format('%s', 'x', 'y'), util.format('%j', { a: 1 }), util.format());
  console.log(util.inspect({ a: { b: { c: { d: 1 } } } }), util.inspect({ a: { b: { c: { d: 1 } } } }, { depth: null }), util.inspect('text'), util.inspect([1, 'x'], { compact: true }), util.inspect({ a: { b: 1 } }, false, 0));
  const later = (value, callback) => setTimeout(() => (value < 0 ? callback(new Error('negative')) : callback(null, value * 2)), 1);
  console.log(await util.promisify(later)(4), await util.promisify(later)(-1).catch((error) => error.message), util.promisify(later) instanceof Function);
  console.log(await util.promisify(setTimeout)(1, 'value'), typeof util.promisify.custom);
  util.callbackify(async (value) => value + 1)(1, (error, value) => console.log('called back', error, value));
  await new Promise((resolve) => setTimeout(resolve, 2));
  console.log(util.isDeepStrictEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), util.isDeepStrictEqual({ a: 1 }, { a: '1' }), util.isDeepStrictEqual({ a: 1, b: 2 }, { b: 2, a: 1 }), util.isDeepStrictEqual(new Map([[1, 2]]), new Map([[1, 2]])), util.isDeepStrictEqual(NaN, NaN));
  console.log(util.types.isDate(new Date()), util.types.isPromise(Promise.resolve()), util.types.isRegExp(/x/), util.types.isNativeError(new TypeError()), util.types.isAsyncFunction(async () => {}), util.types.isUint8Array(Buffer.alloc(1)));
  function Old() {}
  function Base() {}
  Base.prototype.greet = () => 'hi';
  util.inherits(Old, Base);
  console.log(new Old().greet(), Old.super_ === Base, new util.TextEncoder().encode('x').length, util.isArray([]), typeof util.deprecate(() => {}, 'old'));
  console.log(require('node:util') === util, util.types.isMap(new Map()), util.inspect(new Error('e')).startsWith('Error: e\n'), typeof util.inspect.custom, util.stripVTControlCharacters('\u001b[31mred\u001b[0m'));
};
