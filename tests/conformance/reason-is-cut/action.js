exports.onExecuteCustomPhoneProvider = async (event, api) => {
  api.notification.drop('é'.repeat(2000));
};
