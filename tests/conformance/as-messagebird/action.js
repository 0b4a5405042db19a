const BASE = new URL('http://provider.example:8000');
async function messagebird(path, { token, ...payload }) {
  const headers = new Headers({ Authorization: `AccessKey ${token}` });
  headers.set('Content-Type', 'application/json; charset=utf-8');
  const request = new Request(new URL(path, BASE), { method: 'POST', headers, body: JSON.stringify(payload) });
  const response = await fetch(request);
  const text = await response.text();
  let json;
  try { json = JSON.parse(text); } catch (e) { throw new Error(`not JSON (${response.headers.get('Content-Type')}): ${text.slice(0, 40)}`, { cause: e }); }
  if (response.status !== 201) {
    const error = new Error(json.errors?.map(({ code, description, parameter }) => `${code} ${description} (${parameter ?? '-'})`).join('; ') || 'unknown');
    throw Object.assign(error, { errors: json.errors, statusCode: response.status });
  }
  return json;
}
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { notification: { recipient, as_text: body, delivery_method: method } } = event;
  const send = { text: () => messagebird('/messages', { token: event.secrets.TOKEN, originator: 'Acme', recipients: [recipient.slice(1)], body, datacoding: 'auto' }) }[method];
  await send?.().catch((e) => console.log(e.message, e.cause instanceof SyntaxError));
  try {
    await send();
  } catch (error) {
    console.error(error.statusCode, error.errors);
    console.table(error.errors);
    throw error;
  }
};
