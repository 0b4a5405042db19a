exports.onExecuteCustomPhoneProvider = async (event, api) => {
  if (event.notification.delivery_method === 'text') return api.notification.drop('no texts');
  console.log('not reached');
};
