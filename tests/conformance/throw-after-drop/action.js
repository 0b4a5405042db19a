exports.onExecuteCustomPhoneProvider = async (event, api) => {
  api.notification.drop('said before');
  throw new TypeError('but');
};
