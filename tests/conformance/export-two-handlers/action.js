exports.onExecutePostLogin = async () => { throw new Error('the wrong one'); };
exports.onExecuteCustomPhoneProvider = async () => { throw new Error('the first'); };
exports.onExecuteCustomPhoneProvider = async () => { console.log('the last counts'); };
