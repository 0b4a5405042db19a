exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const source = { when: new Date(0), map: new Map([[1, { a: 1 }]]), set: new Set([1, 'x']), re: /a/gi, bytes: new Uint8Array([1, 2]), nested: [{ deep: [undefined, null, NaN, -0, 1n] }] };
  source.self = source;
  const copy = structuredClone(source);
  console.log(copy !== source, copy.self === copy, copy.when.getTime(), copy.when !== source.when, copy.map.get(1), copy.map.get(1) !== source.map.get(1), [...copy.set], String(copy.re), copy.bytes, copy.nested);
  const error = structuredClone(new RangeError('cloned', { cause: 'c' }));
  console.log(error instanceof RangeError, error.message, error.name, error.cause);
  class Sms { constructor() { this.to = 1; } get own() { return 2; } method() {} }
  console.log(structuredClone(new Sms()) instanceof Sms, Object.keys(structuredClone(new Sms())), structuredClone('text'), structuredClone(null), structuredClone(undefined));
  for (const bad of [() => {}, Symbol('x'), { f() {} }, Promise.resolve(), new WeakMap()]) {
    try { structuredClone(bad); console.log('went through'); } catch (error) { console.log(error.name, error.code, error instanceof DOMException); }
  }
  const shared = { x: 1 };
  const both = structuredClone([shared, shared]);
  console.log(both[0] === both[1], structuredClone([1, , 3]), structuredClone(Object(3)), structuredClone(Object.create({ a: 1 })), structuredClone(Object.freeze([1])).push(2));
  const buffer = new ArrayBuffer(4);
  console.log(structuredClone(buffer).byteLength, structuredClone({ get a() { return 5; } }), structuredClone(new Float32Array([1.5])));
};
