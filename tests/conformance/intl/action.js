exports.onExecuteCustomPhoneProvider = async (event, api) => {
  console.log(new Intl.NumberFormat('en-US').format(1234.5));
};
