exports.onExecuteCustomPhoneProvider = async (event, api) => {
  api.notification.retry('one');
  await null;
  api.notification.drop('two');
  api.notification.retry('three');
};
