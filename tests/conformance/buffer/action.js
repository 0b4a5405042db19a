exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const text = Buffer.from('héllo wörld');
  console.log(text.length, text.toString('hex'), text.toString('base64'), text.toString('base64url'), text.toString('latin1'), text.toString('ascii'));
  console.log(text.toString('utf8', 1, 3), text.subarray(0, 3).toString(), text.slice(-5).toString(), text.toString('utf16le').length, text.toString('binary').length);
  console.log(Buffer.from('68656c6c6f', 'hex').toString(), Buffer.from('abc', 'hex'), Buffer.from('zz', 'hex').length, Buffer.from('aGk', 'base64').toString(), Buffer.from('_-8=', 'base64').toString('hex'), Buffer.from('a G\nk=', 'base64').toString());
  console.log(Buffer.from([1, 256, -1, 2.9, 'x']), Buffer.from(new Uint16Array([1, 500])), Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1, 2), Buffer.from({ length: 2, 0: 7, 1: 8 }));
  console.log(Buffer.from('ü', 'latin1'), Buffer.from('é', 'utf16le'), Buffer.from('é', 'ascii'), Buffer.from('\ud800x'));
  console.log(Buffer.concat([Buffer.from('a'), Buffer.from('bc')]).toString(), Buffer.concat([Buffer.from('abc')], 2), Buffer.alloc(3, 'ab'), Buffer.alloc(2), Buffer.alloc(3, 1));
  console.log(Buffer.byteLength('é€😀'), Buffer.byteLength('aGk=', 'base64'), Buffer.isBuffer(text), Buffer.isBuffer(new Uint8Array(1)), Buffer.isEncoding('UTF-8'), Buffer.isEncoding('x'));
  console.log(Buffer.compare(Buffer.from('a'), Buffer.from('b')), text.equals(Buffer.from('héllo wörld')), text.indexOf('w'), text.includes('llo'), text.indexOf('zz'), text.lastIndexOf('l'));
  console.log(JSON.stringify(Buffer.from('hi')), Buffer.from(JSON.parse(JSON.stringify(Buffer.from('hi')))).toString(), [...Buffer.from('ab')].join(), text[1], text.at(-1));
  const numbers = Buffer.alloc(12);
  numbers.writeUInt32BE(0xdeadbeef, 0);
  numbers.writeInt16LE(-2, 4);
  numbers.writeDoubleBE;
  numbers.writeUInt8(255, 6);
  console.log(numbers.toString('hex'), numbers.readUInt32BE(0).toString(16), numbers.readInt16LE(4), numbers.readUInt8(6), numbers.readUInt16BE(0), numbers.readInt32LE(0), numbers.readUIntBE(0, 3));
  console.log(numbers.write('hey', 8), numbers.subarray(8).toString('hex'), numbers.fill(0).toString('hex'), Buffer.from('abc').reverse().toString(), Buffer.from('abc').map((byte) => byte + 1).toString());
  const copied = Buffer.alloc(4);
  console.log(Buffer.from('abcdef').copy(copied, 1, 2, 4), copied, copied.toJSON().data.length, Buffer.from('test') instanceof Uint8Array);
  for (const bad of [() => Buffer.from(5), () => Buffer.from(null), () => Buffer.from(undefined), () => Buffer.from('x', 'nope'), () => text.toString('nope'), () => Buffer.alloc(1).readUInt32BE(0), () => Buffer.alloc(-1)]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error.name, error.code); }
  }
  console.log(Buffer.from('ff', 'hex').toString(), Buffer.from([0xe2, 0x82]).toString(), Buffer.from('\u0000').length, Buffer.from(Buffer.from('x')).toString(), Buffer.from(new String('boxed')).toString());
  console.log(text.swap16 === undefined, Buffer.from('abcd').swap16().toString(), `${Buffer.from('tpl')}`, Buffer.from('a') + 'b', require('buffer').Buffer === Buffer);
};
