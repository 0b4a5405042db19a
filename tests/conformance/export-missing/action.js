exports.somethingElse = async () => {};
