exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const named = /^\+(?<country>1|4[469])(?<rest>\d+)$/.exec('+441234567');
  console.log(named.groups.country, named.groups.rest, { ...named.groups }, named.index);
  console.log('+1 (206) 555-0100'.replace(/[^\d+]/g, '').length, 'a-b'.replace(/(?<x>a)-(?<y>b)/, '$<y>-$<x>'), '1234567'.replace(/(?<=\d)(?=(\d{3})+$)/g, ','), 'price: $5'.match(/(?<=\$)\d/)[0], /(?<!a)b/.test('ab'));
  console.log(/\u{1F600}/u.test('😀'), /^.$/u.test('😀'), /^.$/.test('😀'), /a.b/s.test('a\nb'), /\p{L}+/u.exec('héllo!')[0], /\p{Script=Greek}/u.test('α'), /^\p{Emoji}/u.test('✅'));
  const sticky = /\d/y;
  sticky.lastIndex = 1;
  console.log(sticky.test('a1'), sticky.lastIndex, sticky.test('a1'), [...'a1b22'.matchAll(/[a-z](\d+)/g)].map(([all, digits]) => `${all}:${digits}`).join(), 'x1y2'.split(/(\d)/), 'aBc'.replace(/b/i, (match, at) => `[${match}${at}]`));
  console.log(/(a)|(b)/.exec('b'), /(\w+) \1/.test('the the'), 'A'.match(/a/), 'aaa'.match(/a/g), 'abc'.search(/c/), 'a.b.c'.replaceAll('.', '-'), /x/gimsuy.flags, /[/]/.source);
  console.log(/(\d{4})-(\d{2})/d.exec('on 2026-03').indices[1], /^(?:\+?1)?[2-9]\d{9}$/.test('12065550100'), 'tel: 1'.replace(/\D+/g, ''), /\bcode\b/i.test('Your Code is'), RegExp('a+').toString(), /a{2,3}?/.exec('aaaa')[0]);
  try { new RegExp('('); } catch (error) { console.log(error.name); }
  try { 'x'.matchAll(/x/); } catch (error) { console.log(error.name); }
  console.log('İ'.toLowerCase().length, 'ß'.toUpperCase(), 'é'.normalize('NFD').length, 'abc'.at(-1), 'x'.padStart(3, 'ab'), ' t '.trim(), 'a,b'.split(','), '😀'.codePointAt(0), [...'😀é'].length);
};
