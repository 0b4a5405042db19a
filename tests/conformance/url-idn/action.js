exports.onExecuteCustomPhoneProvider = async (event, api) => {
  console.log(new URL('https://münchen.example/').hostname);
};
