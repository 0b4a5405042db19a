const aws4 = require('aws4');
const fetch = require('node-fetch');

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const options = aws4.sign(
    {
      host: 'sns.eu-central-1.amazonaws.com',
      service: 'sns',
      region: 'eu-central-1',
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        Action: 'Publish',
        Version: '2010-03-31',
        PhoneNumber: event.notification.recipient,
        Message: event.notification.as_text,
      }).toString(),
    },
    { accessKeyId: event.secrets.AWS_ACCESS_KEY_ID, secretAccessKey: event.secrets.AWS_SECRET_ACCESS_KEY }
  );
  const response = await fetch('https://sns.eu-central-1.amazonaws.com' + options.path, options);
  if (response.status === 200) {
    console.log(response.headers.get('content-type'));
    return;
  }
  const text = await response.text();
  const message = text.match(/<Message>(.*)<\/Message>/)[1];
  if (response.status >= 500) {
    api.notification.retry(message);
  } else {
    api.notification.drop(message);
  }
};
