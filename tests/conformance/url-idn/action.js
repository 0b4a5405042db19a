exports.onExecuteCustomPhoneProvider = async (event, api) => {
  for (const name of ['münchen.example', 'MÜNCHEN.example', 'faß.example', 'ａｂｃ.example', '例え。テスト', 'xn--mnchen-3ya.example', '☕.example', 'מ.example', 'a\u00adb.example', 'ab\u200dc.example', '\u0301x.example', 'xn--a', '１２７.1', 'a b.example']) {
    const url = `https://${name}/ü?q=ü#ü`;
    console.log(URL.canParse(url) ? new URL(url).href : 'Invalid URL');
  }
  const url = new URL('https://plain.example/');
  url.hostname = 'straße.example';
  url.host = 'köln.example:81';
  console.log(url.href, new URL('http://bücher.example').origin, require('url').domainToASCII('español.example'));
};
