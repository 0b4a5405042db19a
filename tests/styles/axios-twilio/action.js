const axios = require('axios').default;
const qs = require('querystring');

exports.onExecuteCustomPhoneProvider = async function (event, api) {
  const { TWILIO_SID: sid, TWILIO_TOKEN: token } = event.secrets;
  const isVoice = event.notification.delivery_method === 'voice';
  const data = { To: event.notification.recipient, From: '+15005550006' };
  if (isVoice) {
    data.Twiml = `<Response><Say loop="2">${event.notification.as_voice}</Say></Response>`;
  } else {
    data.Body = event.notification.as_text;
  }

  return axios({
    method: 'post',
    url: `https://api.twilio.com/2010-04-01/Accounts/${sid}/${isVoice ? 'Calls' : 'Messages'}.json`,
    auth: { username: sid, password: token },
    data: qs.stringify(data),
    timeout: 10000,
    validateStatus: (status) => status < 500,
  })
    .then((response) => {
      if (response.status >= 400) {
        const { code, message } = response.data;
        response.status === 429 ? api.notification.retry(message) : api.notification.drop(`${code} ${message}`);
        return;
      }
      console.log('status', response.status, response.statusText, response.headers['content-type']);
    })
    .catch((error) => {
      console.error(axios.isAxiosError(error), error.code, error.response?.status);
      api.notification.retry(error.message);
    });
};
