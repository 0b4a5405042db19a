exports.onExecuteCustomPhoneProvider = async (event, api) => {
  class Gateway {
    #token; static #made = 0; name = 'gateway'; static kinds = ['sms'];
    static { this.kinds.push('tts'); }
    constructor(token) { this.#token = token; Gateway.#made += 1; }
    #sign(text) { return `${text}:${this.#token}`; }
    get signed() { return this.#sign(this.name); }
    static get made() { return Gateway.#made; }
    static is(value) { return #token in value; }
    *parts() { yield* this.signed.split(':'); }
    async *slowly() { for (const part of this.parts()) { await null; yield part; } }
  }
  const gateway = new Gateway('t');
  console.log(gateway.signed, Gateway.made, Gateway.kinds, Gateway.is(gateway), Gateway.is({}), [...gateway.parts()]);
  for await (const part of gateway.slowly()) console.log(part);
  const { a: { b: [first, ...others] = [] } = {}, ...rest } = { a: { b: [1, 2, 3] }, c: 4, d: 5 };
  console.log(first, others, rest, event?.nothing?.deep?.(), event.notification?.['code'].length, null ?? 'other', 0 ?? 1, '' || 'or');
  let value = null;
  value ??= 5;
  value ||= 6;
  value &&= 7;
  console.log(value, 2n ** 64n, BigInt('123') + 1n, BigInt.asUintN(8, 257n), typeof 1n, 5n / 2n, 1_000_000, 0b101, 0o17, 2 ** 10);
  try { 1n + 1; } catch (error) { console.log(error.name); }
  function* counter() { let n = 0; while (true) { const reset = yield n; n = reset ?? n + 1; } }
  const count = counter();
  console.log(count.next().value, count.next().value, count.next(10).value, count.return('end'), count.next());
  const tag = (strings, ...values) => strings.raw.join('|') + values.join();
  console.log(tag`a${1}\n${2}b`, `multi
  line`, ((x, y = x + 1, ...z) => [x, y, z])(1, undefined, 3, 4), [3, 1, 2].sort(), [10, 9, 1].sort(), ['b', 'a'].toString());
  label: for (const x of [1, 2]) { for (const y of [1, 2]) { if (y === 2) continue label; if (x === 2) break label; console.log(x, y); } }
  console.log([1, [2, [3, [4]]]].flat(Infinity), [1, 2, 3].findLast((x) => x < 3), Object.entries({ a: 1 }), Object.fromEntries([['x', 1]]), [..."ab"].entries().next().value, Array.from({ length: 2 }, (_, n) => n), [1, 2, 3].includes(2), [1, 2, 3].at(-1), Object.hasOwn({ a: 1 }, 'a'));
  const proxy = new Proxy({}, { get: (_, name) => `got ${String(name)}` });
  const weak = new WeakRef(gateway);
  console.log(proxy.anything, Reflect.ownKeys({ a: 1, [Symbol.iterator]: 2 }).length, weak.deref() === gateway, new Intl_or_not().is);
  function Intl_or_not() { this.is = typeof globalThis; }
  var hoisted = typeof later; function later() {}
  console.log(hoisted, (() => { try { return 'try'; } finally { console.log('finally'); } })(), typeof undeclared, void 0, [,].length, (1, 2), !!'');
  switch (event.notification.message_type) { case 'otp_enroll': console.log('enroll'); break; case 'otp_verify': console.log('verify'); default: console.log('falls through'); }
  console.log((0.1 + 0.2).toFixed(2), (255).toString(16), parseInt('12px'), Number(''), Number('0x1f'), (1234.5678).toFixed(1), (1e21).toString(), Number.MAX_SAFE_INTEGER, (25).toString(36), Number('1_0'), parseFloat('.5e1'), Math.hypot(3, 4), Math.trunc(-1.5), Math.sign(-3), Math.max(), isNaN('x'));
  with_sloppy();
  function with_sloppy() { undeclared_global = 1; console.log(undeclared_global, typeof this, delete globalThis.undeclared_global); }
  console.log([1, 2, 3, 4].reduce((sum, x) => sum + x), [[1, 'a'], [2, 'b']].map(([n, s]) => s + n).join(), [..."cab"].sort((x, y) => x.localeCompare(y)).join(''), 'a'.localeCompare('b'), Symbol('d').description, Symbol.for('x') === Symbol.for('x'));
};
