const AWS = require('aws-sdk');
const { PublishCommand, SNSClient } = require('@aws-sdk/client-sns');

const region = 'eu-central-1';
const accessKeyId = 'AKIAIOSFODNN7EXAMPLE';
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

exports.onExecuteCustomPhoneProvider = async (event) => {
  const { recipient: PhoneNumber, as_text: Message } = event.notification;
  const MessageAttributes = {
    'AWS.SNS.SMS.SenderID': { DataType: 'String', StringValue: 'Acme' },
    'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' },
  };
  const older = new AWS.SNS({ region, accessKeyId, secretAccessKey, maxRetries: 0 });
  const first = await older.publish({ PhoneNumber, Message, MessageAttributes }).promise();
  console.log(first.MessageId.length, first.ResponseMetadata.RequestId.length);
  await older.publish({ PhoneNumber: '+12', Message }).promise().catch((error) => {
    console.log(error instanceof Error, error.name, error.code, error.statusCode, error.message, error.retryable);
  });
  AWS.config.update({ region, credentials: new AWS.Credentials(accessKeyId, secretAccessKey, 'session') });
  const data = await new Promise((resolve, reject) => {
    new AWS.SNS().publish({ PhoneNumber, Message }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  console.log(Object.keys(data));

  const newer = new SNSClient({ region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
  const second = await newer.send(new PublishCommand({ PhoneNumber, Message, MessageAttributes }));
  console.log(second.MessageId.length, second.$metadata.httpStatusCode, second.$metadata.attempts);
  await newer.send(new PublishCommand({ PhoneNumber: '+12', Message })).catch((error) => {
    console.log(error instanceof Error, error.name, error.$fault, error.$metadata.httpStatusCode, error.message);
  });
};
