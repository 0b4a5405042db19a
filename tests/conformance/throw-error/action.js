exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const check = (status) => {
    if (status !== 200) {
      throw new Error(`status ${status}`);
    }
  };
  await null;
  check(500);
};
