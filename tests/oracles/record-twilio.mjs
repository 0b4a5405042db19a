// Makes the official Twilio client send one SMS, one call and one verification to an address on
// this machine, so that its requests can be laid beside those of an action. What the far end
// answered is printed as one JSON object; what was asked is for the far end to record.
//
//   NODE_EXTRA_CA_CERTS=ca.pem node record-twilio.mjs 127.0.0.1:PORT '{
//     "accountSid": "AC..", "authToken": "..", "serviceSid": "VA..",
//     "to": "+1..", "from": "+1..", "body": "..", "twiml": "<Response>..", "code": "123456" }'
//
// Further members, all optional: "apiKey" and "apiSecret" (instead of the token), "channel" (of the
// verification, "sms"), "locale". A kind is left out when its text is: body, twiml, code.

import { pointProvidersAt } from "./provider-hosts.mjs";

const [address, settings] = process.argv.slice(2);
if (!address || !settings) {
  console.error("usage: node record-twilio.mjs 127.0.0.1:PORT SETTINGS-AS-JSON");
  process.exit(2);
}
pointProvidersAt(address);

const { default: twilio } = await import("twilio");

const { accountSid, authToken, apiKey, apiSecret, serviceSid, to, from, ...wanted } =
  JSON.parse(settings);
const client = apiKey
  ? twilio(apiKey, apiSecret, { accountSid })
  : twilio(accountSid, authToken);

const results = {};
if (wanted.body !== undefined) {
  const { sid, status } = await client.messages.create({ to, from, body: wanted.body });
  results.sms = { sid, status };
}
if (wanted.twiml !== undefined) {
  const { sid, status } = await client.calls.create({ to, from, twiml: wanted.twiml });
  results.call = { sid, status };
}
if (wanted.code !== undefined) {
  const verification = { to, channel: wanted.channel ?? "sms", customCode: wanted.code };
  if (wanted.locale !== undefined) verification.locale = wanted.locale;
  const verifications = client.verify.v2.services(serviceSid).verifications;
  const { sid, status } = await verifications.create(verification);
  results.verification = { sid, status };
}
console.log(JSON.stringify(results));
