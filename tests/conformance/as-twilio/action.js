/**
 * Sends by Twilio's REST API, without its package.
 * @param {Event} event
 * @param {CustomPhoneProviderAPI} api
 */
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { ACCOUNT: sid, TOKEN: token } = event.secrets;
  const { recipient, as_text, as_voice, delivery_method } = event.notification;
  const isVoice = delivery_method === 'voice';
  const body = new URLSearchParams({
    To: recipient,
    From: '+15005550006',
    ...(isVoice ? { Twiml: `<Response><Say>${as_voice}</Say></Response>` } : { Body: as_text, ShortenUrls: false }),
  });
  const controller = new AbortController();
  const timeout = setTimeout(() => controller.abort(), 5_000);
  try {
    const res = await fetch(`http://provider.example:8000/2010-04-01/Accounts/${sid}/${isVoice ? 'Calls' : 'Messages'}.json`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded;charset=utf-8',
        Authorization: 'Basic ' + Buffer.from(sid + ':' + token).toString('base64'),
        'User-Agent': 'auth0-action/1.0',
      },
      body,
      signal: controller.signal,
      redirect: 'error',
    });
    const data = await res.json().catch(() => ({}));
    if (!res.ok) {
      const { code, message, more_info: info = 'n/a' } = data;
      console.error(`❌ Twilio ${res.status} ${res.statusText}`, { code, message, info });
      const transient = res.status === 429 || res.status >= 500;
      (transient ? api.notification.retry : api.notification.drop)(`Twilio ${code}: ${message}`);
      return;
    }
    console.log('✅ sent', data.sid, data);
  } finally {
    clearTimeout(timeout);
  }
};
