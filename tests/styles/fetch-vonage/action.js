// Vonage Messages API with Basic auth. Texts only: calls are configured elsewhere in our tenant.
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  if (event.notification.delivery_method !== 'text') {
    console.log('not a text, ignoring');
    return;
  }

  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), 8000);
  try {
    const res = await globalThis.fetch('https://api.nexmo.com/v1/messages', {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json',
        Authorization: 'Basic ' + btoa(event.secrets.VONAGE_API_KEY + ':' + event.secrets.VONAGE_API_SECRET),
      },
      body: JSON.stringify({
        message_type: 'text',
        channel: 'sms',
        to: event.notification.recipient.replace('+', ''),
        from: 'Acme',
        text: event.notification.as_text,
      }),
      signal: controller.signal,
      redirect: 'error',
    });
    if (!res.ok) {
      const problem = await res.json();
      throw new Error(`Vonage said ${res.status} ${problem.title}`);
    }
    const { message_uuid: id } = await res.json();
    console.log('accepted', typeof id, id.length);
  } finally {
    clearTimeout(timer);
  }
};
