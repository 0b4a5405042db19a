const assert = require('assert');
const aws4 = require('aws4');
const axios = require('axios');
const { v4, v5, validate, version, NIL } = require('uuid');

exports.onExecuteCustomPhoneProvider = async (event) => {
  const { recipient, code } = event.notification;
  const id = v4();
  console.log(validate(id), version(id), v5('phonebox', v5.URL), NIL, validate('no'));
  assert(id !== v4());

  const signed = aws4.sign({
    host: 'gateway.example', service: 'sns', region: 'eu-central-1', method: 'POST', path: '/?x=1&a=%20b', body: `code=${code}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-amz-date': '20300102T030405Z' },
  }, { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' });
  console.log(signed.headers.Authorization);
  const { Host, 'Content-Length': length, ...headers } = signed.headers;
  await fetch(`https://${Host}${signed.path}`, { method: signed.method, headers, body: signed.body });

  const gateway = axios.create({ baseURL: 'https://gateway.example/v1/', auth: { username: 'u', password: 'p & ä' }, timeout: 5000 });
  const sent = await gateway.post('messages', { to: recipient, code }, { params: { a: [1, 2], 'b c': 'd&e' } });
  console.log(sent.status, sent.data, sent.headers['content-type'], sent.config.method);
  const form = await axios({ method: 'post', url: 'https://gateway.example/form', data: new URLSearchParams({ to: recipient, code }), headers: { 'X-Api-Key': 'k' } });
  console.log(form.status);
  const failed = await axios.post('https://api.twilio.com/2010-04-01/Nothing.json').catch((error) => error);
  console.log(axios.isAxiosError(failed), failed.message, failed.code, failed.response.status, failed.response.data.code);
};
