const fetch = require('node-fetch');
const { createHmac, randomUUID, timingSafeEqual } = require('node:crypto');

class GatewayError extends Error {
  constructor(status, reason) {
    super(`gateway ${status}: ${reason}`);
    this.name = 'GatewayError';
    this.status = status;
  }

  get isTransient() {
    return [408, 425, 429].includes(this.status) || this.status >= 500;
  }
}

class Gateway {
  #key;

  constructor(key) {
    this.#key = key;
  }

  sign(text) {
    return createHmac('sha256', this.#key).update(text).digest('hex');
  }

  async post(path, payload) {
    const body = JSON.stringify(payload);
    const response = await fetch(new URL(path, 'https://gateway.example').href, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Signature': `sha256=${this.sign(body)}`, 'X-Request-Id': randomUUID() },
      body,
      timeout: 4000,
    });
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new GatewayError(response.status, answer?.error ?? response.statusText);
    const given = response.headers.get('x-signature');
    if (given !== null && !timingSafeEqual(Buffer.from(given), Buffer.from(this.sign(JSON.stringify(answer))))) {
      throw new GatewayError(502, 'the answer is not signed with our key');
    }
    return answer;
  }
}

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { notification, user, organization, client } = event;
  try {
    const answer = await new Gateway(event.secrets.GATEWAY_KEY).post('/v2/messages', {
      to: notification.recipient,
      body: notification.as_text,
      type: notification.message_type,
      meta: { app: client?.name ?? null, org: organization?.name ?? null, tags: [...(user?.app_metadata?.tags ?? []), 'otp'] },
    });
    console.log('📨', answer);
  } catch (error) {
    if (error instanceof GatewayError && !error.isTransient) return api.notification.drop(error.message);
    console.warn(`${error}`);
    api.notification.retry(error.message);
  }
};
