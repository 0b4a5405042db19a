exports.onExecuteCustomPhoneProvider = async (event, api) => {
  console.log();
  console.log(1, 'two', true, null, undefined, 3n, Symbol('s'), -0, NaN, 1e21);
  console.log(['a', 1, null, undefined], [], {}, [[]], [{}], { a: {} });
  console.log({ a: 1, 'b-c': 'x', 3: [1, 2], [Symbol('k')]: 1, f() {}, g: () => {}, h: class Sms {}, i: class extends Map {} });
  console.log({ a: { b: { c: { d: 1 } } }, list: [[[[1]]]] });
  console.log([function named() {}, () => {}, async () => {}, function* gen() {}, class {}, Math.max]);
  console.log(new Map([['a', { b: 1 }], [{ k: 1 }, [1]]]), new Set(['x', 2]), new WeakMap(), new Map(), new Set());
  console.log(new Date(0), /a\/b/gi, new Date(NaN), [new Date(1)], { re: /x/ });
  console.log('%s is %d years and %i, %f, %j %o %O %%, %c.', 'Ann', 42.5, 42.9, '1.5', { a: [1] }, 1, { b: 2 }, 'css', 'rest', { c: 3 });
  console.log('%s %s %s %s %s %s', null, undefined, 5n, Symbol('q'), { a: { b: 1 } }, [1, 'x']);
  console.log('%d %d %d %i %f', '7', 'x', 3n, 'y', 'z');
  console.log('100%', 5, '%s');
  console.log('%s', 'one', 'two', 3);
  console.log('%x %s', 1);
  console.log("it's", ["it's", 'say "hi"', `both ' and "`, 'new\nline', 'tab\t', '\u0007', 'back\\slash']);
  console.log({ "it's": "it's" }, [''], ['ü😀']);
};
