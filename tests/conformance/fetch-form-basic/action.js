exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { ACCOUNT, TOKEN } = event.secrets;
  const form = new URLSearchParams({ To: event.notification.recipient, From: '+15005550006' });
  form.append('Body', event.notification.as_text);
  const response = await fetch(`http://provider.example:8000/2010-04-01/Accounts/${ACCOUNT}/Messages.json`, {
    method: 'post',
    headers: { Authorization: `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString('base64')}` },
    body: form,
  });
  console.log(response.status, await response.text());
  await fetch('http://provider.example:8000/again', { method: 'PUT', headers: { Authorization: 'Basic ' + btoa(`${ACCOUNT}:${TOKEN}`), 'content-type': 'application/x-www-form-urlencoded' }, body: form.toString() });
};
