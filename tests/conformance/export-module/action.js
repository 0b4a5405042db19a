const PREFIX = 'module';
module.exports = {
  async onExecuteCustomPhoneProvider({ notification: { delivery_method: method, ...rest }, user }, { notification }) {
    console.log(PREFIX, method, 'as_text' in rest, user.user_metadata.greeting, module.exports === exports);
    notification.drop(`no ${method}`);
  },
  PREFIX,
};
