const twilio = require('twilio');

const channelOf = { text: 'sms', voice: 'call' };

exports.onExecuteCustomPhoneProvider = async ({ notification, secrets }, api) => {
  const channel = channelOf[notification.delivery_method];
  const verify = new twilio.Twilio(secrets.ACCOUNT_SID, secrets.AUTH_TOKEN).verify.v2.services(secrets.VERIFY_SERVICE_SID);
  let verification;
  try {
    verification = await verify.verifications.create({ to: notification.recipient, channel, customCode: notification.code });
  } catch ({ code, status, message }) {
    const again = [20429, 20500, 20503, 60212].includes(code) || status === 503;
    api.notification[again ? 'retry' : 'drop'](`verify: ${message}`);
    return;
  }
  console.log({ status: verification.status, channel: verification.channel });
};
