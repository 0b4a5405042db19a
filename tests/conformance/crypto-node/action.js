exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const crypto = require('crypto');
  console.log(require('node:crypto') === crypto, crypto.createHash('sha256').update('a').update(Buffer.from('b')).digest('hex'));
  for (const name of ['md5', 'sha1', 'sha224', 'SHA256', 'sha384', 'sha512', 'RSA-SHA256']) console.log(name, crypto.createHash(name).update('é').digest('base64'));
  console.log(crypto.createHmac('sha256', 'key').update('data').digest('hex'), crypto.createHmac('sha1', Buffer.from('k')).update('x').digest('base64url'), crypto.createHmac('sha512', '').update('').digest().length);
  console.log(crypto.createHash('sha1').update('ff', 'hex').digest('latin1').length, crypto.createHash('md5').digest('hex'), Buffer.isBuffer(crypto.createHash('md5').digest()));
  const hash = crypto.createHash('sha256').update('x');
  const copy = hash.copy();
  console.log(hash.update('y').digest('hex') !== copy.digest('hex'));
  console.log(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), crypto.randomUUID() !== crypto.randomUUID(), crypto.randomBytes(16).length, crypto.randomBytes(4).toString('hex').length, Buffer.isBuffer(crypto.randomBytes(1)));
  console.log(await new Promise((resolve) => crypto.randomBytes(3, (error, bytes) => resolve([error, bytes.length]))), crypto.randomInt(5) < 5, crypto.randomInt(3, 4));
  console.log(crypto.timingSafeEqual(Buffer.from('abc'), Buffer.from('abc')), crypto.timingSafeEqual(Buffer.from('abc'), Buffer.from('abd')));
  console.log(crypto.pbkdf2Sync('password', 'salt', 3, 40, 'sha256').toString('hex'), crypto.getHashes().includes('sha256'));
  const array = crypto.getRandomValues(new Uint8Array(8));
  console.log(array.length, array.some((byte) => byte !== 0), crypto.webcrypto.subtle !== undefined);
  const done = crypto.createHash('sha1').update('x');
  done.digest();
  for (const bad of [() => done.update('y'), () => done.digest(), () => crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('ab')), () => crypto.createHash('nope'), () => crypto.createHash('md5').update(5), () => crypto.createHmac('sha256')]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error instanceof Error, error.code); }
  }
};
