exports.onExecuteCustomPhoneProvider = async (event, api) => {
  api.cache.set('short', 'v', { ttl: 200 });
  console.log(api.cache.get('short')?.value);
  await new Promise((resolve) => setTimeout(resolve, 250));
  console.log(api.cache.get('short'), api.cache.delete('long').code);
};
