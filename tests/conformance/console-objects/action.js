exports.onExecuteCustomPhoneProvider = async (event, api) => {
  class Sms { constructor() { this.to = 1; } get cost() { return 2; } static of() {} }
  class Mms extends Sms { #hidden = 3; }
  console.log(new Sms(), new Mms(), [new Sms()], Sms, Mms, { Sms });
  console.log(Object.create(null), Object.assign(Object.create(null), { a: 1 }), Object.create({ inherited: 1 }));
  console.log({ get a() { return 1; }, set b(value) {}, get c() { return 1; }, set c(value) {} });
  console.log(new (class extends Array {})(), new Number(3), new String('abc'), new Boolean(false), Object(Symbol('o')), Object(4n));
  console.log(Promise.resolve(4), Promise.reject(5).catch(() => {}) && new Promise(() => {}));
  console.log(new Uint8Array([1, 2, 255]), new Float64Array(2), new ArrayBuffer(4), Buffer.from('héllo'));
  console.log([Buffer.from('ab')], { at: new Date(0), n: null, u: undefined });
  console.log({ [Symbol.toStringTag]: 'Tagged', a: 1 });
  console.log(Object.assign(() => {}, { a: 1 }), Object.assign(function named() {}, { b: { c: 1 } }));
  console.log([undefined, null, , 'x'], { a: [] , b: {} }, [[], {}]);
  console.log(new Proxy({ p: 1 }, {}), (function () { return arguments; })(1, 'b'), globalThis === global);
  console.log({ [require('util').inspect.custom]: () => 'CUSTOM' }, { inner: { [Symbol.for('nodejs.util.inspect.custom')](depth, options) { return { depth, has: typeof options }; } } });
  console.log([1.5, -0, 0, 1e100], [1n], [true], { x: -0 });
  console.log(process.versions.node.length > 0, Symbol.iterator, [Symbol('in')]);
  console.log(new URL('https://u:p@example.com:8080/a?b=c#d').searchParams, new URLSearchParams('a=1&b=2'), new URLSearchParams());
};
