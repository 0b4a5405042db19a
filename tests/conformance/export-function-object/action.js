async function handler(event, api) {
  console.log(module.exports === handler, typeof require.resolve, __filename.endsWith('action.js'), typeof __dirname);
}
handler.onExecuteCustomPhoneProvider = handler;
module.exports = handler;
