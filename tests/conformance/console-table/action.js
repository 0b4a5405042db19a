exports.onExecuteCustomPhoneProvider = async (event, api) => {
  console.table([{ a: 1, b: 'x' }, { a: 2, c: true }]);
  console.table(['p', 'q']);
  console.table(5);
};
