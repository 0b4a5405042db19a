const { createHmac, createHash, timingSafeEqual } = require('crypto');
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  // Application signed requests, as Sinch's voice and verification have them.
  const body = JSON.stringify({ identity: { type: 'number', endpoint: event.notification.recipient }, method: 'sms', custom: event.notification.code });
  const timestamp = new Date(event.user.created_at).toISOString();
  const path = '/verification/v1/verifications';
  const toSign = ['POST', createHash('md5').update(body, 'utf8').digest('base64'), 'application/json; charset=UTF-8', `x-timestamp:${timestamp}`, path].join('\n');
  const key = Buffer.from('JViE5vDor0Sw3WllZka15Q==', 'base64');
  const signature = createHmac('sha256', key).update(toSign).digest('base64');
  console.log(signature, timingSafeEqual(Buffer.from(signature), Buffer.from(signature.toString())));
  const response = await globalThis.fetch('http://provider.example:8000' + path, {
    method: 'POST', body, headers: { 'Content-Type': 'application/json; charset=UTF-8', 'x-timestamp': timestamp, Authorization: `Application 669E367E-6BBA-48AB-AF15-266871C28135:${signature}` },
  });
  const reader = response.body?.getReader ? await response.arrayBuffer() : new ArrayBuffer(0);
  console.log(Buffer.from(reader).toString('utf8').length, new Uint8Array(reader).length, new TextDecoder().decode(reader));
};
