const jwt = require('jsonwebtoken');

// Made for this test, and of no other use.
const RSA = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDK5wMnDNkosRmG
OkVAQZHYXCUup+NOzej/+tubJmBWpH9DLCF604FVgg4VUpLsemZrPL/jiU7adt76
CbmloPyb5Q7Uvuv+xigE6E8UGY6l8pX1OaWY/ffea3ihQexdALLrphALy4O2NBaP
EcbBKFxxHtqaDGI3ORUtqs/eAoJriyLAplFHZJi890vnHqMvXyo3xwx8+EyCNFLZ
cxyyv2VUtZt2XSX23zZyXGYfNlmjknTnHBpLfu6gH03YLLsYCKrvZHEB+IxOHK+O
Iof3zZdtBN3Nw50JtBH9fZZI+JQZIr+i67iy/NkfiHZ94q5qo5GX1+cRagY3lSPq
f6MHwEaFAgMBAAECggEAG9Mjmt6nhm2y+GCpT9nYwaOb8xKm7g74HZKDPHroyeOe
aCchzZGPskWMNN8Gsv3zaaVXveuohUu5Nu96e/zgZ2iOvhy93vRsVy/xwung/Ao7
sk4I0uWRG6P//kKSGAxD0mO1iPM3HsIfOIN8OXpAIxXTbei2LKiGqk/lraZecuzP
xOBMefg8VpEKsa30cuxEZHbDpytuEr5TwnZeWjbtCgAXUBMD06pY3sAxqM89RnwB
mYKZA+U9z75WasadOksPk5RkT0GrQm9LeKS3m69NSEaH5w4w9Ggd2P5qe9k89jM3
WQIoQk9EZB5ZsFuXbw5nYlO9rEKndkvvrVtFA+FDCQKBgQDu+aU5P3AR1R5doE2l
S7dqjSmwSth4IXni8CkP+zNHdAm3kH1Gu9FYk7IO4gCib3N9eK23E/N2HEk0jHzT
Yfl4Ynaw0JZyhD7FAIwZkRSazi/7Qm1TvbEK0QMEXUJ0a9m526R0SkU8gbFGVWNE
lCzB7E5T+lbrZwt/zekRpC+bVwKBgQDZW3uTqlDTu+xDq/S6CHmQ+A9GpPZNPgXP
1/xqZT9hs47HlGFibhfvWNVviUt+kLJ53cf3SNZMaW+4h8xQR9DlYIz7gfne4Suf
7OQ5j3yNlK1rVruiTbWZjXh6Hn9t6VNYy4IZYlTJ2Tgd8iaV6dG4pxmJEERaWJP0
BX0cdKXfgwKBgAiIWWHl5fZ9CYyGQL96KJ5hU++7fGctqtBzisPLUFVoy0AGpLJ1
2k+zVlQ5tZQXLqR4Ppue1r6M3ABIU9yoTuQBgANoLzb/ic426smu6HFuk0ABay3m
RAAC3ny1Z74Ia8m7EfAlBrvWVaIRQm4cbEywR0uwUJIvJ7X0gDHlDt4ZAoGBAMH/
sxajRy0UZ9YmnnGEquxHW2sURXm/x/QwtOxJnf6YAvIDb8Aov1gzk5zPkABRKds3
pgkCi7L70GmFW0i0MLDqMisxYVIa65L8Ht95QBQmBXrumN5OOa3p5QQqQFZbkLaK
PX5mk4LtS/b+cI4Recwz6Mi7KibxNGzykS5atsn9AoGASCotIyvXvd2ay3/95BpX
/0zHOhlTLu7V1k+eHUsL6dNW9dI841ukC2GBIjC5UBCafNDO6gGHhbzJ/LlY/VpU
L11wTQFpUHKQDl7WS3xzbR5du5knrwTVVl6x4KppMm6wysNzjJS/3xGGh/tXMMmK
I88SZr4WjR08tl1nNM/e3yQ=
-----END PRIVATE KEY-----
`;
const EC = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAfzMJfMs6qU27zwi
PmGNGkeixXMZ9xjpOtmR/ijbJAChRANCAATnfXvpy0SjVFSCPrwLrvntMC4FR4XD
ZxDLxrz7fhZJtNT8JY3KIDAGQXxpMSTmHEGiANdDJ7cv50ol6+V1IWuU
-----END PRIVATE KEY-----
`;

const told = (call) => {
  try { console.log(call()); } catch (error) { console.log(error.name, error.message, error instanceof jwt.JsonWebTokenError); }
};

exports.onExecuteCustomPhoneProvider = async (event) => {
  const iat = 1893456000;
  for (const algorithm of ['HS256', 'HS512']) {
    const token = jwt.sign({ of: event.notification.message_type, iat }, 'a secret', { algorithm, expiresIn: '5m', issuer: 'phonebox', subject: 'x', keyid: 'k1' });
    console.log(token);
    told(() => JSON.stringify(jwt.verify(token, 'a secret', { algorithms: [algorithm], issuer: 'phonebox', clockTimestamp: iat + 1 })));
    told(() => jwt.verify(token, 'another', { algorithms: [algorithm] }));
    told(() => jwt.verify(token, 'a secret', { algorithms: [algorithm], clockTimestamp: iat + 301 }));
    told(() => jwt.verify(token, 'a secret', { audience: 'y', clockTimestamp: iat + 1 }));
    console.log(JSON.stringify(jwt.decode(token, { complete: true })));
  }
  told(() => jwt.sign({ exp: 1 }, 'a', { expiresIn: 5 }));
  told(() => jwt.sign('text', Buffer.from('key')).split('.').length);
  told(() => jwt.sign({}, undefined));
  told(() => jwt.sign({ a: 1 }, null, { algorithm: 'none', noTimestamp: true }));
  told(() => jwt.verify('a.b', 'k'));
  const rsa = jwt.sign({ iat }, RSA, { algorithm: 'RS256', keyid: 'k2' });
  console.log(rsa);
  const ec = jwt.sign({ iat }, EC, { algorithm: 'ES256' });
  console.log(ec.split('.').map((part) => part.length));
  const { createPublicKey } = require('crypto');
  told(() => jwt.verify(rsa, createPublicKey(RSA)));
  told(() => jwt.verify(ec, createPublicKey(EC).export({ type: 'spki', format: 'pem' })));
  told(() => jwt.verify(ec, createPublicKey(RSA), { algorithms: ['ES256'] }));
  told(() => jwt.sign({ iat }, EC, { algorithm: 'RS256' }));
  const signed = await new Promise((resolve, reject) => { jwt.sign({ iat }, 'k', (error, token) => (error ? reject(error) : resolve(token))); });
  console.log(signed);
  await fetch('https://gateway.example/', { method: 'POST', headers: { authorization: `Bearer ${signed}` } });
};
