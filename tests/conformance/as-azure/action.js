const crypto = require('crypto');
/** Azure Communication Services: HMAC over the date, the host and the hash of the body. */
function sign({ method, url, body, key, date }) {
  const { pathname, search, host } = new URL(url);
  const contentHash = crypto.createHash('sha256').update(body, 'utf-8').digest('base64');
  const text = `${method}\n${pathname}${search}\n${date};${host};${contentHash}`;
  const signature = crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'ascii').digest('base64');
  return { 'x-ms-date': date, 'x-ms-content-sha256': contentHash, Authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}` };
}
const parseConnectionString = (text) => Object.fromEntries(text.split(';').filter(Boolean).map((part) => { const at = part.indexOf('='); return [part.slice(0, at).toLowerCase(), part.slice(at + 1)]; }));
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { endpoint, accesskey } = parseConnectionString('endpoint=http://provider.example:8000/;accesskey=c2VjcmV0LWtleS1vZi1henVyZQ==');
  const url = `${endpoint}sms?api-version=2021-03-07`;
  const body = JSON.stringify({ from: 'Acme', smsRecipients: [{ to: event.notification.recipient, repeatabilityRequestId: '00000000-0000-4000-8000-000000000000', repeatabilityFirstSent: new Date(event.user.created_at).toUTCString() }], message: event.notification.as_text, smsSendOptions: { enableDeliveryReport: true, tag: `t-${event.tenant.id}` } });
  const headers = { 'content-type': 'application/json', ...sign({ method: 'POST', url, body, key: accesskey, date: new Date(event.user.created_at).toUTCString() }) };
  const response = await fetch(url, { method: 'POST', headers, body });
  const { value } = await response.json();
  const failed = value.filter(({ successful }) => !successful).map(({ to, ...rest }) => rest);
  console.log({ status: response.status, failed });
  console.assert(failed.length === 0, 'failed: %j', failed);
  if (failed.length) api.notification.drop(failed.map((f) => `${f.httpStatusCode} ${f.errorMessage}`).join(', '));
};
