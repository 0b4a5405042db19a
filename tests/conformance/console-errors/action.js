exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const error = new Error('boom');
  console.log(error.message, String(error));
  console.error(error);
  console.log('with text:', error);
  console.log(Object.assign(new Error('coded'), { code: 'E_CODE', status: 503 }));
  console.log({ error: new TypeError('inside') });
  console.log([new RangeError('listed')]);
  console.log(new Error('outer', { cause: new Error('inner') }));
  console.log(new Error('because', { cause: 'a text' }));
  class GatewayError extends Error { constructor(message) { super(message); this.name = 'GatewayError'; } }
  console.log(new GatewayError('own'));
  class Plain extends Error {}
  console.log(new Plain('plain'));
  console.log(new Error(''));
  console.log(new Error('two\nlines'));
  const bare = new Error('no stack');
  bare.stack = undefined;
  console.log(bare);
  const text = new Error('kept');
  text.stack = 'Kept: as it is';
  console.log(text, [text]);
  console.log('%s', new Error('as text').message, `${new TypeError('template')}`);
  console.log(new AggregateError([new Error('one')], 'several').message);
};
