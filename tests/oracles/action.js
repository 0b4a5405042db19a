// Texts and calls through Twilio, as people write it for Auth0.
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { TWILIO_ACCOUNT_SID: account, TWILIO_AUTH_TOKEN: token } = event.secrets;
  const { recipient, as_text, as_voice, delivery_method, from } = event.notification;
  const call = delivery_method === "voice";
  const form = new URLSearchParams({ To: recipient.replace(/\s/g, ""), From: from ?? "+15005550006" });
  form.set(call ? "Twiml" : "Body", call ? `<Response><Say>${as_voice}</Say></Response>` : as_text);
  const response = await fetch(
    `https://api.twilio.com/2010-04-01/Accounts/${account}/${call ? "Calls" : "Messages"}.json`,
    {
      method: "POST",
      headers: { Authorization: `Basic ${Buffer.from(`${account}:${token}`).toString("base64")}` },
      body: form,
    },
  );
  if (response.ok) {
    console.log("accepted as", (await response.json()).sid);
    return;
  }
  const reason = `twilio answered ${response.status}`;
  (response.status === 429 || response.status >= 500 ? api.notification.retry : api.notification.drop)(reason);
};
