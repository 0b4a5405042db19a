/**
 * Custom phone provider: Twilio's REST API, without the SDK.
 * Secrets: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM
 */
const TWILIO_API = 'https://api.twilio.com/2010-04-01';

const escapeXml = (value) =>
  value.replace(/[<>&'"]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&apos;', '"': '&quot;' })[c]);

async function callTwilio(secrets, resource, params) {
  const credentials = Buffer.from(`${secrets.TWILIO_ACCOUNT_SID}:${secrets.TWILIO_AUTH_TOKEN}`).toString('base64');
  const response = await fetch(`${TWILIO_API}/Accounts/${secrets.TWILIO_ACCOUNT_SID}/${resource}.json`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${credentials}`,
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(params).toString(),
  });
  const data = await response.json().catch(() => ({}));
  return { status: response.status, ok: response.ok, data };
}

/**
 * Handler to be executed while sending a phone notification
 * @param {Event} event - Details about the user and the context in which they are logging in.
 * @param {CustomPhoneProviderAPI} api - Methods and utilities to help change the behavior of sending a phone notification.
 */
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { recipient, as_text, as_voice, delivery_method } = event.notification;
  let result;
  switch (delivery_method) {
    case 'text':
      result = await callTwilio(event.secrets, 'Messages', { To: recipient, From: event.secrets.TWILIO_FROM, Body: as_text });
      break;
    case 'voice':
      result = await callTwilio(event.secrets, 'Calls', {
        To: recipient,
        From: event.secrets.TWILIO_FROM,
        Twiml: `<Response><Say>${escapeXml(as_voice)}</Say></Response>`,
      });
      break;
    default:
      return api.notification.drop(`Unsupported delivery method: ${delivery_method}`);
  }
  if (result.ok) {
    console.log(`✅ Twilio took it: ${result.data.status}`);
    return;
  }
  const transient = result.status === 429 || result.status >= 500;
  (transient ? api.notification.retry : api.notification.drop)(`Twilio ${result.status}: ${result.data?.message ?? 'no message'}`);
};
