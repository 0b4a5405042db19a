exports.onExecuteCustomPhoneProvider = async (event, api) => {
  for (const name of ['left-pad', './other', '']) {
    try { require(name); console.log('went through', name); } catch (error) { console.log(error instanceof Error, error.code); }
  }
  try { require(5); } catch (error) { console.log(error.name, error.code); }
  const first = require('util');
  console.log(first === require('util'), first === require('node:util'), typeof require.cache, require.main === module);
};
