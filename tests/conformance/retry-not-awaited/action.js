exports.onExecuteCustomPhoneProvider = async (event, api) => {
  api.notification.retry('the provider is down: ' + 503);
};
