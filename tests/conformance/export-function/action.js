const helper = require('util');
exports.helper = (text) => helper.format('<%s>', text);
exports.onExecuteCustomPhoneProvider = async function onExecuteCustomPhoneProvider(event, api) {
  console.log(exports.helper(event.notification.message_type), arguments.length, Object.keys(exports).join());
};
