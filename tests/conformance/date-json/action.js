exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const when = new Date('2026-03-04T05:06:07.089Z');
  console.log(when.toISOString(), when.getTime(), JSON.stringify({ when }), when.toJSON(), when.getUTCDay(), new Date(2026, 0, 1).getTime() === Date.UTC(2026, 0, 1) - 0 + new Date(2026, 0, 1).getTimezoneOffset() * 60000);
  console.log(Date.parse('Wed, 04 Mar 2026 05:06:07 GMT'), Date.parse('2026-03-04'), Date.parse('nonsense'), new Date('2026-03-04T05:06:07+02:00').toISOString(), when.toUTCString());
  console.log(new Date(NaN).getTime(), String(new Date(NaN)), Math.abs(Date.now() - new Date().getTime()) < 1000, typeof Date(), new Date(0) < new Date(1));
  try { new Date(NaN).toISOString(); } catch (error) { console.log(error.name); }
  console.log(JSON.stringify({ a: undefined, b: () => {}, c: Symbol('x'), d: NaN, e: null, f: [undefined], g: new Map(), h: -0 }), JSON.stringify('é\ud800"\\'), JSON.stringify({ a: [1, { b: 2 }] }, null, 2).split('\n').length);
  console.log(JSON.stringify({ a: 1, b: 2 }, ['a']), JSON.stringify({ a: 1 }, (key, value) => (key === 'a' ? value + 1 : value)), JSON.parse('{"a":[1,{"b":null}],"c":"\\u00e9"}', (key, value) => (value === 1 ? 'one' : value)), JSON.stringify(undefined), JSON.stringify({ toJSON: () => 'own' }));
  for (const bad of ['', '{', '{"a":1,}', "{'a':1}", 'undefined', '[1 2]', '01']) {
    try { JSON.parse(bad); console.log('went through', bad); } catch (error) { console.log(error.name, error instanceof SyntaxError); }
  }
  const circular = {};
  circular.self = circular;
  try { JSON.stringify(circular); } catch (error) { console.log(error.name); }
  try { JSON.stringify(1n); } catch (error) { console.log(error.name); }
  console.log(JSON.parse('{"__proto__": {"polluted": 1}}').polluted, ({}).polluted, JSON.parse(' 1e3 '), JSON.parse('"\\ud83d\\ude00"'));
};
