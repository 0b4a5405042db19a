exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const crypto = require('crypto');
  const { RSA, RSA_PUBLIC } = event.secrets;
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX_SIGN } = crypto.constants;
  const data = Buffer.from('header.payload');
  const once = 'lz2gfe9TTM-YdXkCreCQ0Jdx3A5NaCZRI3TOTBkXnhwRlRqH3c4HrVHgyHV_QWU8rodfPLJ0qbaYyKErk0be3Dq15X99nMTlj-Jy5VT2venAVAAP1gNAgcSWXL30tNzS9A9lpHTZeYHQddwYBcPrCFhA1WBslQQhbMBERoQQ8h90PrM7jjIaStYMhZ4ysu-ZYAUUyHBT95cuTjApVJjP6QKCPsUbaFwJcXLjtzPVIkLZ1VcsFuL-R3PNk-yAyAdn_S4hdszpwi1_-h1DWfSfVmQREL0FGlvr4-6lKyvDg38O-RWSV7eie4uFxGOAdout5ecdQ7xbqPLmaeKT3rxdrw';
  const verifies = (options, signature, hash = 'sha256') => crypto.verify(hash, data, { key: RSA_PUBLIC, padding, ...options }, signature);
  console.log(verifies({}, Buffer.from(once, 'base64url')), verifies({ saltLength: RSA_PSS_SALTLEN_DIGEST }, Buffer.from(once, 'base64url')), verifies({ saltLength: 20 }, Buffer.from(once, 'base64url')));
  for (const [hash, saltLength] of [['sha256', RSA_PSS_SALTLEN_DIGEST], ['sha384', 7], ['sha512', RSA_PSS_SALTLEN_MAX_SIGN], ['sha1', undefined], ['sha256', 0]]) {
    const signature = crypto.sign(hash, data, { key: RSA, padding, saltLength });
    console.log(hash, saltLength, signature.length, verifies({}, signature, hash), verifies({ saltLength }, signature, hash), verifies({ saltLength: 9 }, signature, hash), crypto.verify(hash, data, RSA_PUBLIC, signature));
  }
  // None is made where there is no room for the salt.
  try { crypto.sign('sha256', data, { key: RSA, padding, saltLength: 10000 }); console.log('went through'); } catch (error) { console.log(error instanceof Error); }
  const der = (pem) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('pkcs8', der(RSA), algorithm, false, ['sign']);
  const open = await crypto.subtle.importKey('spki', der(RSA_PUBLIC), algorithm, true, ['verify']);
  console.log(key.algorithm.name, key.algorithm.hash.name);
  const signature = await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 32 }, key, data);
  console.log(signature.byteLength, await crypto.subtle.verify({ name: 'RSA-PSS', saltLength: 32 }, open, signature, data), await crypto.subtle.verify({ name: 'RSA-PSS', saltLength: 20 }, open, signature, data));
};
