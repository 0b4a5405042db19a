const API = 'http://provider.example:8000/sms/json';
class VonageError extends Error {
  constructor(status, text) {
    super(`Vonage answered ${status}: ${text}`);
    this.name = 'VonageError';
    this.status = status;
  }
  get permanent() { return ['6', '7', '15', '29'].includes(this.status); }
}
const send = async ({ key, secret, to, text }) => {
  const res = await fetch(API, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ api_key: key, api_secret: secret, from: 'Acme', to: to.replace(/^\+/, ''), text, type: /[^\x00-\x7f]/.test(text) ? 'unicode' : undefined }),
    signal: AbortSignal.timeout(5000),
  });
  const { messages: [{ status, 'error-text': error, ...rest } = {}] = [] } = await res.json();
  if (status !== '0') throw new VonageError(status, error);
  return rest;
};
exports.onExecuteCustomPhoneProvider = async ({ notification, secrets, user }, api) => {
  const text = `${user.user_metadata?.greeting ?? 'Hello'}! ${notification.as_text}`;
  for (let attempt = 1; attempt <= 2; attempt++) {
    try {
      const { 'message-id': id, 'remaining-balance': balance } = await send({ key: secrets.ACCOUNT, secret: secrets.TOKEN, to: notification.recipient, text });
      console.log(`sent ${id}, ${Number.parseFloat(balance).toFixed(2)} left`);
      return;
    } catch (error) {
      console.warn(`attempt ${attempt}:`, error.message, error instanceof VonageError && error.permanent, `${error}`);
      if (error.permanent) return api.notification.drop(error.message);
      await new Promise((resolve) => setTimeout(resolve, 10 * attempt));
    }
  }
  api.notification.retry('Vonage is not there');
};
