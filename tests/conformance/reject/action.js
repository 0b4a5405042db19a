exports.onExecuteCustomPhoneProvider = async (event, api) => {
  await Promise.reject(new RangeError('too much'));
};
