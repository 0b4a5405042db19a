exports.onExecuteCustomPhoneProvider = async (event, api) => {
  api.notification.retry({ toString: () => 'shown' });
  console.log(api.notification.drop.length >= 0);
  api.notification.drop(503);
};
