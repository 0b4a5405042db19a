exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const pkcs8 = (pem) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const data = new TextEncoder().encode('header.payload');
  const rsa = await crypto.subtle.importKey('pkcs8', pkcs8(event.secrets.RSA), { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']);
  console.log(rsa.type, rsa.algorithm.name, rsa.algorithm.hash.name, rsa.extractable, rsa.usages);
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', rsa, data);
  console.log(Buffer.from(signature).toString('base64url'));
  const rsaPublic = await crypto.subtle.importKey('spki', pkcs8(event.secrets.RSA_PUBLIC), { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, true, ['verify']);
  console.log(await crypto.subtle.verify('RSASSA-PKCS1-v1_5', rsaPublic, signature, data), await crypto.subtle.verify('RSASSA-PKCS1-v1_5', rsaPublic, signature, data.slice(1)));
  const ec = await crypto.subtle.importKey('pkcs8', pkcs8(event.secrets.EC), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  console.log(ec.type, ec.algorithm.name, ec.algorithm.namedCurve);
  const es256 = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, ec, data);
  const ecPublic = await crypto.subtle.importKey('spki', pkcs8(event.secrets.EC_PUBLIC), { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']);
  console.log(es256.byteLength, await crypto.subtle.verify({ name: 'ECDSA', hash: { name: 'SHA-256' } }, ecPublic, es256, data));
  for (const bad of [
    () => crypto.subtle.sign('RSASSA-PKCS1-v1_5', rsaPublic, data),
    () => crypto.subtle.importKey('pkcs8', new Uint8Array(3), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
    () => crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, rsa, data),
  ]) {
    await bad().then(() => console.log('went through'), (error) => console.log(error.name));
  }
};
