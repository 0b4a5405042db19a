const twilio = require('twilio');

const account = 'AC00000000000000000000000000000000';
const told = (error) => console.log(error instanceof Error, error.status, error.code, error.message, error.moreInfo);

exports.onExecuteCustomPhoneProvider = async (event) => {
  const { as_text: text, recipient } = event.notification;
  const from = '+15005550006';
  const client = twilio(account, '0123456789abcdef0123456789abcdef');
  await client.messages('SM00000000000000000000000000000000').fetch().catch(told);
  await client.messages.create({ to: '12', from, body: text }).catch(told);
  try { await client.messages.create({ from, body: text }); } catch (error) { told(error); }
  await new Promise((resolve) => {
    client.messages.create({ to: recipient, from, body: 'with a callback' }, (error, sms) => { console.log(error, sms.status); resolve(); });
  });
  for (const [name, word] of [[undefined, 'b'], [account, ''], ['SK1', 'b']]) {
    try { await twilio(name, word).messages.create({ to: recipient, from, body: text }); } catch (error) { console.log(error.message); }
  }
};
