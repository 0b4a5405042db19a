exports.onExecuteCustomPhoneProvider = async (event, api) => {
  throw 'a text';
};
