const axios = require('axios');

const client = axios.create({ timeout: 10_000, headers: { common: { Accept: 'text/plain' } } });

client.interceptors.response.use(undefined, (error) => {
  error.transient = !error.response || error.response.status >= 500;
  return Promise.reject(error);
});

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { secrets, notification } = event;
  const params = {
    username: secrets.KANNEL_USERNAME,
    password: secrets.KANNEL_PASSWORD,
    from: 'Acme',
    to: notification.recipient,
    text: notification.as_text,
    charset: 'UTF-8',
    coding: [...notification.as_text].some((c) => c.codePointAt(0) > 0xff) ? 2 : 0,
  };
  try {
    const { status, data } = await client.get('/cgi-bin/sendsms', { baseURL: secrets.KANNEL_URL, params });
    console.log(status, data.split(':')[0]);
  } catch (e) {
    if (e.transient) api.notification.retry('the gateway is down');
    else api.notification.drop(`${e.response.status} ${e.response.data}`);
  }
};
