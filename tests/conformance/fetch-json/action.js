exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const response = await fetch('http://provider.example:8000/messages?x=1', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${event.secrets.TOKEN}`, 'X-Trace': 'a' },
    body: JSON.stringify({ to: event.notification.recipient, text: event.notification.as_text, name: 'Ünïcödé 😀' }),
  });
  console.log(response.ok, response.status, response.statusText, response.url, response.redirected, response.type, response.bodyUsed);
  console.log(response.headers.get('content-type'), response.headers.get('X-REQUEST-ID'), response.headers.get('absent'), response.headers.has('x-request-id'));
  const body = await response.json();
  console.log(body, response.bodyUsed);
  if (body.status !== 'queued') api.notification.drop('not queued');
};
