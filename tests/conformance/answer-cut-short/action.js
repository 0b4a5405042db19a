exports.onExecuteCustomPhoneProvider = async (event, api) => {
  try {
    const response = await fetch('http://provider.example:8000/cut');
    await response.text();
    console.log('went through');
  } catch (error) {
    console.log(error.name);
    api.notification.retry('the connection was lost');
  }
};
