exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { recipient, as_text } = event.notification;
  const response = await fetch('https://sms.acme.example/v1/messages', {
    method: 'POST',
    headers: {
      'authorization': `Bearer ${event.secrets.GATEWAY_TOKEN}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ to: recipient, from: event.secrets.sender, text: as_text }),
  });
  if (!response.ok) {
    api.notification.retry(`the gateway answers ${response.status}`);
  }
};
