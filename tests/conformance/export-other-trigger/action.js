exports.onExecuteSendPhoneMessage = async (event, api) => {
  console.log(event.notification);
};
