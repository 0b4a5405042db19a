exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const hex = (bytes) => Buffer.from(bytes).toString('hex');
  const data = new TextEncoder().encode('data');
  for (const name of ['SHA-1', 'sha-256', { name: 'SHA-384' }, 'SHA-512']) console.log(hex(await crypto.subtle.digest(name, data)));
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode('key'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  console.log(key.type, key.extractable, key.algorithm.name, key.algorithm.hash.name, key.algorithm.length, [...key.usages].sort().join());
  const signature = await crypto.subtle.sign('HMAC', key, data);
  console.log(signature instanceof ArrayBuffer, hex(signature));
  console.log(await crypto.subtle.verify('HMAC', key, signature, data), await crypto.subtle.verify('HMAC', key, new Uint8Array(32), data), await crypto.subtle.verify('HMAC', key, new Uint8Array(3), data));
  const sha1 = await crypto.subtle.importKey('raw', data, { name: 'hmac', hash: { name: 'SHA-1' } }, true, ['sign']);
  console.log(hex(await crypto.subtle.sign({ name: 'HMAC' }, sha1, data.buffer)));
  try { await crypto.subtle.digest('MD5', data); } catch (error) { console.log(error.name); }
  try { await crypto.subtle.verify('HMAC', sha1, signature, data); } catch (error) { console.log(error.name); }
  console.log(typeof crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(2)).length, require('crypto').webcrypto.subtle === crypto.subtle);
  try { crypto.getRandomValues(new Float32Array(1)); } catch (error) { console.log(error.name); }
  try { crypto.getRandomValues(new Uint8Array(65537)); } catch (error) { console.log(error.name); }
};
