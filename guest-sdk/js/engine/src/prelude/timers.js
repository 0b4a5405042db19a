(function (host, internals) {
  'use strict';

  let next = 1;
  const waiting = new Map();

  class Timeout {
    #number;
    constructor(number) { this.#number = number; }
    ref() { return this; }
    unref() { return this; }
    hasRef() { return true; }
    refresh() {
      const timer = waiting.get(this.#number);
      if (timer !== undefined) timer.due = host.now() + timer.delay;
      return this;
    }
    close() { waiting.delete(this.#number); return this; }
    [Symbol.toPrimitive]() { return this.#number; }
    [Symbol.dispose]() { this.close(); }
  }

  const set = (what, callback, delay, values, again) => {
    internals.onlyInHandler(what);
    if (typeof callback !== 'function') {
      throw Object.assign(new TypeError('The "callback" argument must be of type function.'), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    const wanted = Math.trunc(Number(delay));
    const milliseconds = what === 'setImmediate' ? 0 : wanted >= 1 && wanted <= 2147483647 ? wanted : 1;
    const number = next;
    next += 1;
    waiting.set(number, { number, callback, values, delay: milliseconds, again, due: host.now() + milliseconds });
    return new Timeout(number);
  };
  const clear = (timer) => {
    if (timer !== undefined && timer !== null) waiting.delete(Number(timer));
  };

  internals.expose('setTimeout', function setTimeout(callback, delay, ...values) { return set('setTimeout', callback, delay, values, false); });
  internals.expose('setInterval', function setInterval(callback, delay, ...values) { return set('setInterval', callback, delay, values, true); });
  internals.expose('setImmediate', function setImmediate(callback, ...values) { return set('setImmediate', callback, 0, values, false); });
  const promised = Symbol.for('nodejs.util.promisify.custom');
  Object.defineProperty(setTimeout, promised, { value: (delay, value) => new Promise((resolve) => { setTimeout(resolve, delay, value); }) });
  Object.defineProperty(setImmediate, promised, { value: (value) => new Promise((resolve) => { setImmediate(resolve, value); }) });
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) {
    internals.expose(name, { [name](timer) { clear(timer); } }[name]);
  }

  const first = () => {
    let found;
    for (const timer of waiting.values()) {
      if (found === undefined || timer.due < found.due) found = timer;
    }
    return found;
  };
  // Milliseconds until a timer is due, or none if there is no timer.
  internals.nextTimer = () => {
    const timer = first();
    return timer === undefined ? undefined : Math.max(0, timer.due - host.now());
  };
  // Has the one that is due first called, if it is due.
  internals.fire = () => {
    const timer = first();
    if (timer === undefined || timer.due > host.now()) return;
    if (timer.again) timer.due = host.now() + timer.delay;
    else waiting.delete(timer.number);
    timer.callback(...timer.values);
  };
})
