exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const params = new URLSearchParams('?a=1&b=2&a=3&c&=d&e=%zz&f=+%2B&g=%E2%82%AC');
  console.log(params.get('a'), params.getAll('a'), params.get('c'), params.get(''), params.get('e'), params.get('f'), params.get('g'), params.get('none'));
  console.log(params.toString(), params.has('b'), [...params.keys()].join());
  params.append('a', 'x y');
  params.set('b', "'()*!~-._");
  params.delete('c');
  params.sort();
  console.log(`${params}`);
  params.forEach((value, name) => { if (name === 'a') console.log(name, value); });
  console.log(Object.fromEntries(new URLSearchParams({ x: 1, y: [2, 3], z: undefined, n: null })), new URLSearchParams([['k', 'v'], ['k', 'w']]).toString());
  console.log(new URLSearchParams(new Map([['m', 'é&=']])).toString(), new URLSearchParams(new URLSearchParams('q=1')).get('q'), new URLSearchParams('').toString() === '');
  for (const bad of [() => new URLSearchParams([['one']]), () => new URLSearchParams([1])]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error.name, error.code); }
  }
  console.log([...new URLSearchParams('a=1&b=2')].map(([name, value]) => name + value).join(), new URLSearchParams('a=b').entries().next().value);
  console.log(new URLSearchParams({ emoji: '😀', plus: '+', percent: '100%', newline: 'a\r\nb' }).toString(), params instanceof URLSearchParams, typeof params.size);
};
