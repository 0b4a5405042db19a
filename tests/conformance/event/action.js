exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { notification, user, tenant, request, client, secrets, configuration } = event;
  console.log(Object.keys(event).sort().join());
  console.log(notification.delivery_method, notification.message_type, notification.locale, notification.from, notification.as_voice.length);
  console.log(notification.recipient.replace(/^\+/, '').length, notification.code.length, notification.as_text.includes(notification.code));
  console.log(user.user_id, user.created_at, new Date(user.created_at).getTime(), user.email_verified, user.user_metadata);
  console.log(tenant, request.geoip.countryCode, request.hostname, client.name, event.connection, event.organization?.id);
  console.log(typeof secrets.TOKEN, secrets.ABSENT, 'ABSENT' in secrets, Object.keys(secrets).sort().join(), configuration);
  event.notification.extra = 1;
  console.log(event.notification.extra);
};
