exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { drop, retry } = api.notification;
  const transient = event.notification.delivery_method === 'text';
  (transient ? retry : drop)('once');
  (transient ? api.notification.drop : api.notification.retry)('twice');
  const { get, set } = api.cache;
  set('k', 'v');
  console.log(get('k').value, drop('last'));
};
