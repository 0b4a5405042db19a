const LANGUAGES = { en: 'en_US', 'en-US': 'en_US', 'pt-BR': 'pt_BR', de: 'de' };
const redact = (value, keys = ['to', 'input', 'wa_id']) => JSON.parse(JSON.stringify(value, (key, inner) => (keys.includes(key) ? '[redacted]' : inner)));
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { notification, secrets } = event;
  if (!['otp_verify', 'otp_enroll', 'second_factor_authentication'].includes(notification.message_type)) return;
  const code = LANGUAGES[notification.locale] ?? LANGUAGES[notification.locale?.split('-')[0]] ?? 'en_US';
  const components = [{ type: 'body', parameters: [{ type: 'text', text: notification.code }] }, { type: 'button', sub_type: 'url', index: '0', parameters: [{ type: 'text', text: notification.code }] }];
  const message = { messaging_product: 'whatsapp', recipient_type: 'individual', to: notification.recipient.replace(/\D/g, ''), type: 'template', template: { name: 'otp', language: { policy: 'deterministic', code }, components } };
  const url = new URL('http://provider.example:8000/v22.0/1060/messages');
  url.searchParams.set('appsecret_proof', require('crypto').createHmac('sha256', secrets.ACCOUNT).update(secrets.TOKEN).digest('hex'));
  const [whatsapp] = await Promise.allSettled([fetch(url, { method: 'POST', headers: { authorization: `Bearer ${secrets.TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify(message) })]);
  if (whatsapp.status === 'rejected') throw whatsapp.reason;
  const answer = await whatsapp.value.clone().json();
  console.dir(redact(answer), { depth: null });
  const { code: number, error_subcode: sub, error_data: { details } = {} } = answer.error ?? {};
  if (number === 131026) {
    console.log('falls back to SMS:', details);
    const sms = await fetch('http://provider.example:8000/sms', { method: 'POST', body: new URLSearchParams([['to', notification.recipient], ['text', notification.as_text]]) });
    if (!sms.ok) throw new Error(`both channels failed (${[number, sub, sms.status].filter((x) => x != null).join('/')})`);
  }
};
