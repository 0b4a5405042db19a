exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { cache } = api;
  console.log(cache.get('k'), cache.delete('k'), cache.get('constructor'));
  const set = cache.set('k', 'v');
  console.log(set.type, set.record.value, Math.round((set.record.expires_at - Date.now()) / 60000), Object.keys(set.record).sort().join());
  console.log(cache.get('k').value, cache.get('k').expires_at === set.record.expires_at, Object.keys(cache.get('k')).sort().join());
  const ttl = cache.set('k', 'w', { ttl: 60000.9 });
  console.log(Math.round((ttl.record.expires_at - Date.now()) / 1000), Number.isInteger(ttl.record.expires_at), cache.get('k').value);
  const at = Date.now() + 5000;
  console.log(cache.set('e', 'x', { expires_at: at + 0.5 }).record.expires_at === at, cache.set('e', 'x', { ttl: 1000, expires_at: at }).record.expires_at < at);
  console.log(cache.set('e', 'x', { ttl: 99000, expires_at: at }).record.expires_at === at);
  console.log(cache.set('', '').type, cache.get('').value === '', cache.delete('').type, cache.get(''));
  console.log(cache.delete('k'), cache.get('k'), cache.delete('k'));
};
