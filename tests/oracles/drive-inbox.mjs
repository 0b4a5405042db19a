// Sends one message of each kind through the official clients and prints what they returned, as
// one JSON object: the name of the step -> { ok: what came back } or { error: what was thrown }.
//
//   NODE_EXTRA_CA_CERTS=ca.pem node drive-inbox.mjs 127.0.0.1:PORT

import { pointProvidersAt } from "./provider-hosts.mjs";

const [address] = process.argv.slice(2);
if (!address) {
  console.error("usage: node drive-inbox.mjs 127.0.0.1:PORT");
  process.exit(2);
}
pointProvidersAt(address);

const { default: twilio } = await import("twilio");
const { Vonage } = await import("@vonage/server-sdk");

const account = "AC00000000000000000000000000000001";
const service = "VA00000000000000000000000000000001";
// How long to wait for an answer.
const timeout = Number(process.env.ORACLE_TIMEOUT_MS ?? 30_000);

const twilioClient = twilio(account, "auth-token", { timeout });
const vonage = new Vonage({ apiKey: "abcd1234", apiSecret: "api-secret" }, { timeout });

const steps = {
  twilio: async () => {
    const sent = await twilioClient.messages.create({
      to: "+4915112345678",
      from: "+15005550006",
      body: "Your code is 123456 & counting — grüße 👋",
    });
    return { sid: sent.sid, status: sent.status, to: sent.to, body: sent.body };
  },
  twilioVoice: async () => {
    const call = await twilioClient.calls.create({
      to: "+4915112345678",
      from: "+15005550006",
      twiml: "<Response><Say>Your code is 1, 2, 3 &amp; 4</Say></Response>",
    });
    return { sid: call.sid, status: call.status, to: call.to };
  },
  twilioVerify: async () => {
    const verification = await twilioClient.verify.v2
      .services(service)
      .verifications.create({ to: "+4915112345678", channel: "sms", customCode: "123456" });
    return { sid: verification.sid, status: verification.status, to: verification.to };
  },
  vonage: async () => {
    const sent = await vonage.sms.send({
      to: "4915112345678",
      from: "phonebox",
      text: "Your code is 123456",
    });
    const [message] = sent.messages;
    return { id: message.messageId, status: message.status, to: message.to };
  },
  vonageMessages: async () => {
    const sent = await vonage.messages.send({
      messageType: "text",
      channel: "sms",
      to: "4915112345678",
      from: "phonebox",
      text: "Your code is 123456",
    });
    return { id: sent.messageUUID };
  },
};

/** What a caller of the client can tell an error by. */
async function told(error) {
  const { name, message, status, code } = error;
  // The Vonage client throws the response itself along: a fetch Response, or a parsed SMS answer.
  const { response } = error;
  const failed = response?.messages?.map((one) => one.status);
  const problem = response?.json ? await response.json().catch(() => undefined) : undefined;
  return { name, message, status: status ?? response?.status, code, failed, problem };
}

const results = Object.entries(steps).map(async ([name, step]) => {
  try {
    return [name, { ok: await step() }];
  } catch (error) {
    return [name, { error: await told(error) }];
  }
});
console.log(JSON.stringify(Object.fromEntries(await Promise.all(results))));
