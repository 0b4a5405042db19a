exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { EventEmitter } = require('events');
  const emitter = new EventEmitter();
  emitter.on('a', (...values) => console.log('on', ...values));
  emitter.once('a', (value) => console.log('once', value));
  console.log(emitter.emit('a', 1, 2), emitter.emit('a', 3), emitter.emit('none'), emitter.listenerCount('a'), emitter.eventNames());
  try { emitter.emit('error', new Error('unheard')); } catch (error) { console.log(error.message); }
  class Own extends EventEmitter {}
  console.log(new Own().on('x', () => {}) instanceof EventEmitter, require('events') === EventEmitter);
  const assert = require('assert');
  assert(true);
  assert.ok(1);
  assert.strictEqual(1, 1);
  assert.equal(1, '1');
  assert.deepStrictEqual({ a: [1] }, { a: [1] });
  assert.notStrictEqual(1, 2);
  for (const bad of [() => assert(false, 'told'), () => assert.fail('failed'), () => assert.ok(0, 'zero')]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error.name, error.message, error.code, error instanceof Error); }
  }
  assert.throws(() => { throw new TypeError('x'); }, TypeError);
  await assert.rejects(async () => { throw new Error('y'); });
  for (const bad of [() => assert.strictEqual(1, 2), () => assert.deepStrictEqual({ a: 1 }, { a: 2 }), () => assert.throws(() => {}), () => assert.match('a', /b/)]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error.name, error.code); }
  }
};
