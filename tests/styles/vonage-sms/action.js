const axios = require('axios');

// https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
const THROTTLED = '1';
const INTERNAL_ERROR = '5';

module.exports = {
  onExecuteCustomPhoneProvider: async (event, api) => {
    const { VONAGE_KEY, VONAGE_SECRET, VONAGE_FROM = 'Acme' } = event.secrets;
    const response = await axios.post('https://rest.nexmo.com/sms/json', {
      api_key: VONAGE_KEY,
      api_secret: VONAGE_SECRET,
      to: event.notification.recipient,
      from: VONAGE_FROM,
      text: event.notification.as_text,
      type: /^[\x00-\x7f]*$/.test(event.notification.as_text) ? 'text' : 'unicode',
    });

    // Always 200: the truth is in the body.
    const [message] = response.data.messages;
    switch (message.status) {
      case '0':
        console.log('sent in', response.data['message-count'], 'part');
        break;
      case THROTTLED:
      case INTERNAL_ERROR:
        api.notification.retry(message['error-text']);
        break;
      default:
        api.notification.drop(`${message.status}: ${message['error-text']}`);
    }
  },
};
