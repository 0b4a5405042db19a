exports.onExecuteCustomPhoneProvider = async (event, api) => {
  console.log('arrow', typeof event, typeof api, this === undefined || Object.keys(this).length);
  return 'ignored';
};
