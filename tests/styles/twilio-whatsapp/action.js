const twilio = require('twilio');

const POLLS = 3;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** WhatsApp first; a text where the number is not on it. */
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { secrets, notification } = event;
  const client = twilio(secrets.TWILIO_SID, secrets.TWILIO_TOKEN, { autoRetry: false });
  const sms = () => client.messages.create({ to: notification.recipient, from: '+15005550006', body: notification.as_text });

  const first = await client.messages.create({
    to: `whatsapp:${notification.recipient}`,
    from: 'whatsapp:+15005550006',
    contentSid: 'HX00000000000000000000000000000001',
    contentVariables: JSON.stringify({ 1: notification.code }),
  });
  for (let poll = 0; poll < POLLS; poll++) {
    await sleep(10);
    const { status, errorCode } = await client.messages(first.sid).fetch();
    console.log('whatsapp is', status, errorCode);
    if (['sent', 'delivered', 'read'].includes(status)) return;
    if (['failed', 'undelivered'].includes(status)) {
      const { status: fallback } = await sms();
      console.log('text is', fallback);
      return;
    }
  }
  api.notification.retry('WhatsApp does not say what became of it');
};
