exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { set, get, delete: remove } = api.cache;
  console.log(set('é'.repeat(33), 'v'), set('é'.repeat(32), 'v').type);
  console.log(set('k', 'x'.repeat(4097)), set('k', 'x'.repeat(4096)).type);
  console.log(set('k', 'v', { ttl: NaN }), set('k', 'v', { ttl: Infinity }), set('k', 'v', { expires_at: 'soon' }), set('k', 'v', { ttl: '5' }));
  console.log(set('k', 'v', { ttl: 0 }), set('k', 'v', { ttl: -1 }), set('k', 'v', { expires_at: 1 }), set('k', 'v', { ttl: 0.5 }));
  console.log(set('k', 'v', { ttl: 1e300 }), get('k').value.length);
  console.log(['a', 'b', 'c', 'd'].map((key) => set(key, 'y'.repeat(4000)).code));
  console.log(remove('é'.repeat(32)).type, remove('never').code);
};
