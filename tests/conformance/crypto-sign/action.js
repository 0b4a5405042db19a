exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const crypto = require('crypto');
  const { RSA, RSA_PKCS1, RSA_PUBLIC, EC, EC_SEC1, EC_PUBLIC } = event.secrets;
  const rs256 = crypto.createSign('RSA-SHA256').update('header.').update('payload').sign(RSA, 'base64url');
  console.log(rs256);
  console.log(crypto.sign('sha256', Buffer.from('header.payload'), RSA_PKCS1).toString('base64url') === rs256, crypto.sign('RSA-SHA512', Buffer.from('x'), { key: RSA }).toString('base64'));
  console.log(crypto.createVerify('sha256').update('header.payload').verify(RSA_PUBLIC, rs256, 'base64url'), crypto.verify('sha256', Buffer.from('other'), RSA_PUBLIC, Buffer.from(rs256, 'base64url')));
  const es256 = crypto.createSign('SHA256').update('header.payload').sign({ key: EC, dsaEncoding: 'ieee-p1363' });
  console.log(es256.length, crypto.createVerify('SHA256').update('header.payload').verify({ key: EC_PUBLIC, dsaEncoding: 'ieee-p1363' }, es256), crypto.verify('sha256', Buffer.from('other'), { key: EC_PUBLIC, dsaEncoding: 'ieee-p1363' }, es256));
  const der = crypto.sign('sha256', Buffer.from('data'), EC_SEC1);
  console.log(der[0] === 0x30, crypto.verify('sha256', Buffer.from('data'), EC_PUBLIC, der), crypto.verify('sha256', Buffer.from('data'), crypto.createPublicKey(EC), der));
  const key = crypto.createPrivateKey(RSA);
  console.log(key.type, key.asymmetricKeyType, crypto.createPrivateKey({ key: EC_SEC1 }).asymmetricKeyType, crypto.createPublicKey(RSA_PUBLIC).type, crypto.createSecretKey(Buffer.from('k')).type);
  console.log(crypto.sign('sha256', Buffer.from('header.payload'), key).equals(Buffer.from(rs256, 'base64url')), crypto.createHmac('sha256', crypto.createSecretKey(Buffer.from('key'))).update('data').digest('hex'));
  for (const bad of [() => crypto.createSign('sha256').update('x').sign('no key'), () => crypto.createPrivateKey('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'), () => crypto.createSign('nope')]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error instanceof Error); }
  }
};
