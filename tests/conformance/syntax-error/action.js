exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const to = ;
};
