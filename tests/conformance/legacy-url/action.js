exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const url = require('url');
  const parsed = url.parse('https://user:pass@example.com:8080/p/a/t/h?query=string&x=1#hash');
  console.log(parsed.protocol, parsed.host, parsed.hostname, parsed.port, parsed.pathname, parsed.search, parsed.query, parsed.hash, parsed.path, parsed.auth, parsed.href);
  console.log(url.parse('/only/path?a=1').pathname, url.parse('https://example.com?a=1&b=2', true).query.b, url.resolve('https://example.com/one/two', '../three'), url.resolve('/one/two', 'three'));
  console.log(url.format({ protocol: 'https', hostname: 'example.com', pathname: '/x', query: { a: 1, b: 'c d' } }), url.format(new URL('https://example.com/a')), url.format({ protocol: 'http:', host: 'h:1', pathname: 'p', search: 's=1', hash: 'x' }));
  console.log(url.URL === URL, url.URLSearchParams === URLSearchParams, typeof url.fileURLToPath);
};
