exports.onExecuteCustomPhoneProvider = (event, api) => Promise.resolve();
