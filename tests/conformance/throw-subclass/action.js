exports.onExecuteCustomPhoneProvider = async (event, api) => {
  class GatewayError extends Error {
    constructor(message, status) {
      super(message);
      this.name = 'GatewayError';
      this.status = status;
    }
  }
  try {
    throw new GatewayError('gateway', 502);
  } catch (error) {
    console.log(error instanceof GatewayError, error instanceof Error, `${error}`, error.status, error.stack.split('\n')[0]);
    throw new GatewayError('again', 503);
  }
};
