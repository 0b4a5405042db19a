exports.onExecuteCustomPhoneProvider = function (event, api) {
  const response = await fetch('https://api.example.com/');
};
