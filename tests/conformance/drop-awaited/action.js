exports.onExecuteCustomPhoneProvider = async (event, api) => {
  await api.notification.drop('the number is barred');
  return;
};
