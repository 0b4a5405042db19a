exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const querystring = require('querystring');
  console.log(querystring.stringify({ a: 1, b: 'x y', c: ['1', '2'], d: true, e: null, f: undefined, g: '', h: 5n, i: NaN, j: {}, 'k&': "é'()*!~" }));
  console.log(querystring.stringify({ a: 'b', c: 'd' }, ';', ':'), querystring.stringify({ a: 'x' }, null, null, { encodeURIComponent: (text) => `<${text}>` }), querystring.stringify('text') === '');
  console.log(querystring.parse('a=1&b=x%20y&c=1&c=2&d&e=&f=a+b&%zz=1&=x'), querystring.parse('a:1;b:2', ';', ':'), querystring.parse(''));
  console.log(querystring.parse('a=1&a=2&a=3').a, querystring.escape('a b&é'), querystring.unescape('%41%zz+'), Object.getPrototypeOf(querystring.parse('a=1')));
  console.log(querystring.parse('a=1&b=2&c=3', null, null, { maxKeys: 2 }), require('node:querystring') === querystring, querystring.decode === querystring.parse);
};
