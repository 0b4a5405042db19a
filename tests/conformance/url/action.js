exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const url = new URL('https://User:pa%20ss@EXAMPLE.com:443/a/./b/../c d?q=1&r=é#h');
  console.log(url.href, url.origin, url.protocol, url.username, url.password, url.host, url.port === '', url.pathname, url.search, url.hash);
  url.port = '8080';
  url.pathname = 'x y';
  url.search = 'a=b c';
  url.hash = '';
  url.protocol = 'http';
  console.log(String(url), JSON.stringify({ url }));
  url.searchParams.append('k', 'v&w');
  url.searchParams.delete('a');
  console.log(url.href, url.searchParams.get('k'));
  url.search = '?z=1';
  console.log(url.searchParams.get('z'), url.searchParams.get('k'));
  console.log(new URL('../x?y', 'https://h.example/a/b/c').href, new URL('//other.example/p', 'https://h.example').href, new URL('?q', 'https://h.example/a#b').href);
  console.log(new URL('http://[::1]:80/').host, new URL('http://0x7f.1/').hostname, new URL('mailto:a@b.example').pathname);
  for (const bad of ['', 'nothing', 'http://', 'http://a b/', 'https://x:99999/', '//x']) {
    try { new URL(bad); console.log('went through', bad); } catch (error) { console.log(error.name, error.code, error instanceof TypeError); }
  }
  console.log(URL.canParse('https://x'), URL.canParse('x'), URL.canParse('/x', 'https://y'), new URL('https://x') instanceof URL);
  url.href = 'https://new.example/';
  url.host = 'h:1';
  console.log(url.href, Object.prototype.toString.call(url), url.toJSON() === url.toString());
  console.log(encodeURIComponent("a b&c=d/é'()*!~"), encodeURI('https://x/é?a b'), decodeURIComponent('%E2%82%AC'), escape('é +'), unescape('%E9'));
};
