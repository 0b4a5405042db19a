exports.onExecuteCustomPhoneProvider = async (event, api) => {
  throw undefined;
};
