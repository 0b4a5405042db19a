/**
 * Sends SMS and calls through Twilio.
 *
 * SMS: https://www.twilio.com/docs/messaging/api/message-resource
 * Calls: https://www.twilio.com/docs/voice/api/call-resource; the text is spoken by TwiML.
 */
const REFUSED = {
  13223: 'the number is not valid', 13224: 'the number is not valid', 21211: 'the number is not valid',
  21214: 'the number is not valid', 21217: 'the number is not valid', 21215: 'the account may not reach this country',
  21408: 'the account may not reach this country', 21606: 'the sender is not a number of the account',
  21659: 'the sender is not a number of the account', 21610: 'the recipient opted out',
  21614: 'the number is not a mobile number', 20003: 'the credentials are wrong',
};
const BUSY = [20429, 20500, 20503, 30001];

const escapeXml = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** Reads the message aloud, twice. A language without a region is left to Twilio's default. */
const twiml = ({ as_voice: text, locale = '' }) => {
  const region = locale.replace('_', '-');
  const language = region.includes('-') ? ` language="${escapeXml(region)}"` : '';
  return `<Response><Say loop="2"${language}>${escapeXml(text)}</Say></Response>`;
};

/** @type {import('@phonebox/sdk').Handler} */
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { TWILIO_ACCOUNT_SID: account, TWILIO_AUTH_TOKEN: token, TWILIO_FROM: from } = event.secrets;
  const { notification } = event;
  const isCall = notification.delivery_method === 'voice';
  /** @type {Record<string, string>} */
  const content = isCall ? { Twiml: twiml(notification) } : { Body: notification.as_text };

  const response = await fetch(
    `https://api.twilio.com/2010-04-01/Accounts/${account}/${isCall ? 'Calls' : 'Messages'}.json`,
    {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${account}:${token}`)}` },
      body: new URLSearchParams({ To: notification.recipient, From: from, ...content }),
    },
  );
  if (response.ok) return;

  const { code } = await response.json().catch(() => ({}));
  const why = `twilio: ${REFUSED[code] ?? `answered ${response.status}`} (${code ?? 'no code'})`;
  if (REFUSED[code]) api.notification.drop(why);
  else if (BUSY.includes(code)) api.notification.retry(`twilio is busy (${code})`);
  else (response.status >= 500 || response.status === 429 ? api.notification.retry : api.notification.drop)(why);
};
