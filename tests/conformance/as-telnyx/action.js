let cachedProfile;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
async function withRetry(task, { retries = 2, delay = 5 } = {}) {
  for (let n = 0; ; n += 1) {
    const outcome = await task(n).then((value) => ({ value }), (error) => ({ error }));
    if (!('error' in outcome)) return outcome.value;
    if (n >= retries || !outcome.error?.retryable) throw outcome.error;
    console.log(`retry #${n + 1} in ${delay * 2 ** n} ms`);
    await sleep(delay * 2 ** n);
  }
}
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  cachedProfile ||= api.cache.get('profile')?.value ?? (api.cache.set('profile', 'abc', { ttl: 60_000 }), 'abc');
  const log = console.log.bind(console, '[telnyx]');
  const response = await withRetry(async (attempt) => {
    const r = await fetch('http://provider.example:8000/v2/messages', { method: 'POST', headers: { Authorization: `Bearer ${event.secrets.TOKEN}`, 'Content-Type': 'application/json', 'Idempotency-Key': `${event.user.user_id}:${attempt}` }, body: JSON.stringify({ from: '+15005550006', to: event.notification.recipient, text: event.notification.as_text, messaging_profile_id: cachedProfile, use_profile_webhooks: !1 }) });
    if (r.status >= 500) throw Object.assign(new Error(`HTTP ${r.status}`), { retryable: true });
    return r;
  });
  const { data: { id, to: [{ phone_number: _, status, carrier, ...rest }], parts = 1n, cost: { amount, currency } = {} } } = await response.json();
  log(id, status, carrier, rest, parts);
  log(`${new Intl.NumberFormat('en-US', { style: 'currency', currency, minimumFractionDigits: 4 }).format(amount)}`, api.cache.get('profile').value);
};
