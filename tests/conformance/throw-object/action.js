exports.onExecuteCustomPhoneProvider = async (event, api) => {
  throw { code: 7 };
};
