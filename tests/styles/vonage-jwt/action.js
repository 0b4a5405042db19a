const axios = require('axios');
const jwt = require('jsonwebtoken');
const { v4: uuidv4 } = require('uuid');

/** Vonage wants a short-lived JWT, signed with the application's key. */
function applicationToken({ VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY }) {
  return jwt.sign({ application_id: VONAGE_APPLICATION_ID }, VONAGE_PRIVATE_KEY, {
    algorithm: 'RS256',
    expiresIn: 300,
    jwtid: uuidv4(),
  });
}

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  try {
    const { status, data } = await axios.post(
      'https://api.nexmo.com/v1/messages',
      {
        message_type: 'text',
        channel: 'sms',
        to: event.notification.recipient.slice(1),
        from: event.notification.from || 'Acme',
        text: event.notification.as_text,
      },
      { headers: { Authorization: `Bearer ${applicationToken(event.secrets)}` }, timeout: 5000 }
    );
    console.info('vonage', status, Object.keys(data));
  } catch (error) {
    if (error.response && error.response.status < 500 && error.response.status !== 429) {
      console.error('❌ refused', error.response.data.title);
      api.notification.drop(error.response.data.detail);
    } else {
      api.notification.retry(error.message);
    }
  }
};
