exports.onExecuteCustomPhoneProvider = async (event, api) => {
  Promise.reject(new Error('nobody hears'));
  (async () => { throw new Error('nor this'); })();
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log('went on');
};
