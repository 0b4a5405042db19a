const twilio = require('twilio');
const { VoiceResponse } = twilio.twiml;

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const client = twilio(event.secrets.TWILIO_ACCOUNT_SID, event.secrets.TWILIO_AUTH_TOKEN);
  const { message_type, delivery_method, recipient: to, as_text, as_voice, locale } = event.notification;
  const from = event.secrets.TWILIO_PHONE_NUMBER;
  try {
    if (delivery_method === 'voice') {
      const twiml = new VoiceResponse();
      twiml.say({ language: locale, voice: 'alice' }, as_voice);
      const call = await client.calls.create({ to, from, twiml: twiml.toString() });
      console.log(`${message_type}: call is ${call.status}`);
    } else {
      const message = await client.messages.create({ to, from, body: as_text });
      console.log(`${message_type}: message is ${message.status}`);
    }
  } catch (err) {
    console.error('Twilio error', err.status, err.code, err.moreInfo);
    if (err.status === 429 || err.status >= 500) {
      api.notification.retry(err.message);
      return;
    }
    api.notification.drop(`${err.code}: ${err.message}`);
  }
};
