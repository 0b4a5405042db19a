const { missing } = undefined;
exports.onExecuteCustomPhoneProvider = async (event, api) => {};
