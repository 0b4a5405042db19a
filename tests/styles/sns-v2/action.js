const AWS = require('aws-sdk');

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  AWS.config.update({
    region: 'eu-central-1',
    accessKeyId: event.secrets.AWS_ACCESS_KEY_ID,
    secretAccessKey: event.secrets.AWS_SECRET_ACCESS_KEY,
    maxRetries: 0,
  });
  const sns = new AWS.SNS({ apiVersion: '2010-03-31' });
  try {
    const { MessageId } = await sns
      .publish({
        PhoneNumber: event.notification.recipient,
        Message: event.notification.as_text,
        MessageAttributes: { 'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' } },
      })
      .promise();
    console.log('published', MessageId.length);
  } catch (err) {
    console.log(err.code, err.statusCode);
    (err.code === 'Throttling' || err.statusCode >= 500 ? api.notification.retry : api.notification.drop)(err.message);
  }
};
