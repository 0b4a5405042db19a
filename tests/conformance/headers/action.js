exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const headers = new Headers({ 'X-B': '2', 'x-a': ' 1 ', 'Content-Type': 'text/plain' });
  headers.append('X-A', '3');
  headers.set('x-c', 4);
  console.log([...headers].map((pair) => pair.join('=')).join('; '));
  console.log([...headers.keys()].join(), [...headers.values()].join('|'), [...headers.entries()].length);
  headers.forEach((value, name, all) => { if (name === 'x-b') console.log(name, value, all === headers); });
  console.log(headers.get('X-a'), headers.has('X-C'), headers.delete('x-c'), headers.has('x-c'), headers.get('x-c'));
  console.log(Object.fromEntries(new Headers([['a', '1'], ['b', '2']])), new Headers(headers).get('x-b'));
  const cookies = new Headers();
  cookies.append('Set-Cookie', 'a=1');
  cookies.append('set-cookie', 'b=2');
  console.log([...cookies].length, cookies.getSetCookie(), cookies.get('set-cookie'));
  for (const bad of [() => headers.set('a b', '1'), () => headers.append('x', 'é€'), () => new Headers([['one']]), () => new Headers('text'), () => headers.get('')]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error.name); }
  }
  console.log(Object.prototype.toString.call(headers), typeof headers[Symbol.iterator], `${new Headers()}`);
  for (const [name, value] of new Headers(new Map([['k', 'v']]))) console.log(name, value);
};
