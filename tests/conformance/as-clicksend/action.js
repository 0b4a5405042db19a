var request = function (method, path, data, auth, done) {
  return fetch('http://provider.example:8000/v3' + path, {
    method: method,
    headers: { 'Authorization': 'Basic ' + Buffer.from(auth.join(':'), 'utf8').toString('base64'), 'Content-Type': 'application/json' },
    body: JSON.stringify(data)
  }).then(function (response) {
    return response.json().then(function (body) { done(null, response, body); });
  }, function (error) { done(error); });
};
const promisify = require('util').promisify;
module.exports = {
  onExecuteCustomPhoneProvider: async function (event, api) {
    const call = promisify((...args) => request(...args.slice(0, -1), (error, response, body) => args.at(-1)(error, { response, body })));
    const { response, body } = await call('POST', '/sms/send', { messages: [{ source: 'auth0', body: event.notification.as_text, to: event.notification.recipient, schedule: Math.floor(new Date(event.user.created_at).getTime() / 1000) }] }, [event.secrets.ACCOUNT, event.secrets.TOKEN]);
    label: for (const message of body.data.messages) {
      switch (message.status) {
        case 'SUCCESS': console.log('%s: %i part%s, $%f', message.message_id, message.message_parts, message.message_parts === 1 ? '' : 's', message.message_price); continue label;
        case 'INVALID_RECIPIENT': api.notification.drop(message.status); break label;
        default: throw new TypeError(message.status);
      }
    }
    console.log(response.status, body.response_code.toLowerCase(), typeof module, this === module.exports, arguments.length, body.data.total_price.toLocaleString('en-US', { style: 'currency', currency: body.data._currency.currency_name_short }));
  },
};
