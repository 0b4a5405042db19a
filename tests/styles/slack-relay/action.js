// Staging: nobody wants to pay for real texts, so codes go to a channel.
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  console.log('📱 notification', event.notification);
  const results = await Promise.allSettled(
    ['https://gateway.example/slack', 'https://gateway.example/telegram'].map((url) =>
      fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ text: `*${event.notification.code}* for ${event.notification.recipient}` }),
      }).then((response) => (response.ok ? response.json() : Promise.reject(response.status)))
    )
  );
  const failed = results.filter(({ status }) => status === 'rejected');
  console.log(results.map(({ status, reason }) => ({ status, reason })));
  if (failed.length === results.length) api.notification.retry('nobody took it');
};
