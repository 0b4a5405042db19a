const { SNSClient, PublishCommand } = require('@aws-sdk/client-sns');

const TRANSIENT = new Set(['ThrottlingException', 'Throttling', 'InternalError', 'InternalErrorException', 'KMSThrottlingException']);

let client;
const clientFor = ({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }) =>
  (client ??= new SNSClient({ region: 'eu-central-1', credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 }));

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const command = new PublishCommand({
    PhoneNumber: event.notification.recipient,
    Message: event.notification.as_text,
    MessageAttributes: {
      'AWS.SNS.SMS.SenderID': { DataType: 'String', StringValue: 'Acme' },
      'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' },
    },
  });
  try {
    const result = await clientFor(event.secrets).send(command);
    console.log('published', result.$metadata.httpStatusCode);
  } catch (err) {
    console.error(err.name, err.$metadata?.httpStatusCode);
    if (TRANSIENT.has(err.name) || err.$fault === 'server') api.notification.retry(err.message);
    else api.notification.drop(err.message);
  }
};
