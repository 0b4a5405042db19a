const twilio = require('twilio');

const account = 'AC00000000000000000000000000000000';

exports.onExecuteCustomPhoneProvider = async (event) => {
  const { recipient, as_text: text, code } = event.notification;
  const from = '+15005550006';
  const client = twilio(account, '0123456789abcdef0123456789abcdef');
  const sms = await client.messages.create({
    to: recipient, from, body: text, statusCallback: 'https://gateway.example/?a=b&c=d', mediaUrl: ['https://a.example/1', 'https://a.example/2'],
    provideFeedback: true, validityPeriod: 60, sendAt: new Date(Date.UTC(2030, 1, 3, 4, 5, 6)), messagingServiceSid: undefined,
  });
  console.log(sms.sid.slice(0, 2), sms.status, sms.to, sms.body, sms.accountSid, sms.errorCode, sms.dateCreated instanceof Date);

  const voice = new twilio.twiml.VoiceResponse();
  voice.say({ voice: 'alice', language: 'de-DE' }, `Ihr Code & <mehr>: "${code}"`);
  voice.pause({ length: 2 });
  const gather = voice.gather({ numDigits: 1, input: ['dtmf', 'speech'], action: '/?a=b&c="d"' });
  gather.say('Einmal\nnoch');
  voice.play({}, 'https://gateway.example/a.mp3');
  voice.say('').addText('ganz zuletzt');
  voice.hangup();
  console.log(voice.toString());
  const call = await client.calls.create({ to: recipient, from, twiml: voice.toString() });
  console.log(call.sid.slice(0, 2), call.status, call.direction);

  const service = client.verify.v2.services('VA00000000000000000000000000000001');
  const verification = await service.verifications.create({ to: recipient, channel: 'sms', customCode: code, locale: 'de' });
  console.log(verification.sid.slice(0, 2), verification.status, verification.serviceSid, verification.sendCodeAttempts?.length);

  const keyed = new twilio.Twilio('SK00000000000000000000000000000000', 'secret', { accountSid: account });
  console.log((await keyed.messages.create({ to: recipient, from, body: 'by a key' })).status);
};
