// The contract: what a source has to export, and what its handler is called with.
(function (host, internals) {
  'use strict';

  const HANDLER = 'onExecuteCustomPhoneProvider';
  const SIGNATURE = `exports.${HANDLER} = async function(event, api) { }`;
  const REASON = 1024;

  let module;
  let handler;
  // What the handler has said so far; the last word counts.
  let outcome = ['sent', ''];
  // undefined while the handler runs, then {failed, error}.
  let settled;
  const settle = async (promise) => {
    try {
      await promise;
      settled = { failed: false };
    } catch (error) {
      settled = { failed: true, error };
    }
  };

  internals.load = (body) => {
    module = { exports: {}, id: '.', filename: 'action.js', loaded: false, children: [], paths: [] };
    body.call(module.exports, module.exports, internals.require, module, 'action.js', '/');
    module.loaded = true;
  };

  internals.loaded = () => {
    internals.eachUnheard((reason) => { throw reason; });
    const { exports } = module;
    if (exports === null || (typeof exports !== 'object' && typeof exports !== 'function')) {
      throw internals.buildError('invalid_exports', `the action does not export an object. Use "${SIGNATURE}" as the signature.`);
    }
    handler = exports[HANDLER];
    if (handler === undefined) {
      const other = ['onExecuteSendPhoneMessage', ...Object.keys(exports)].find((name) => /^on(Execute|Continue)/.test(name) && typeof exports[name] === 'function');
      const instead = other === undefined ? '' : ` It exports ${other}, which is for another trigger.`;
      throw internals.buildError('missing_handler', `the action does not export ${HANDLER}.${instead} Use "${SIGNATURE}" as the signature.`);
    }
    if (typeof handler !== 'function' || handler.constructor.name !== 'AsyncFunction') {
      throw internals.buildError('invalid_handler', `Invalid function signature for the "${HANDLER}" handler. Use "${SIGNATURE}" as the signature.`);
    }
  };

  // ---- event and api

  const secrets = () => {
    const values = {};
    // A colon stands in the names of modules' secrets alone.
    for (const name of host.secretNames()) if (!name.includes(':')) values[name] = host.secret(name);
    // What is not there is undefined, and noted by the host for the action's author.
    return new Proxy(values, {
      get: (target, name) => {
        if (typeof name === 'string' && !(name in target) && /^[A-Z][A-Z0-9_]*$/.test(name)) host.secret(name);
        return target[name];
      },
    });
  };

  // A module's, which it may have in hand since it was evaluated: they are read when it asks for one. While an action is built
  // there are no names, and the host has something that stands for whatever is asked for.
  internals.secretsOf = (module) => {
    const values = {};
    let known = false;
    const read = () => {
      if (known) return values;
      const names = host.secretNames();
      known = names.length > 0;
      for (const full of names) {
        const name = full.startsWith(`${module}:`) ? full.slice(module.length + 1) : ':';
        if (!name.includes(':')) values[name] = host.secret(full);
      }
      return values;
    };
    return new Proxy(values, {
      get: (_, name) => {
        if (typeof name !== 'string' || name in read() || !/^(?!then$|toJSON$)[A-Za-z_$][\w.$-]*$/.test(name)) return values[name];
        return host.secret(`${module}:${name}`) ?? undefined;
      },
      has: (_, name) => name in read(),
      ownKeys: () => Reflect.ownKeys(read()),
      getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(read(), name),
    });
  };

  const say = (kind) => (reason) => {
    outcome = [kind, `${reason ?? ''}`.slice(0, REASON).toWellFormed()];
  };

  const text = (what, value) => {
    if (typeof value !== 'string') throw new TypeError(`api.cache: the ${what} is not a string`);
    return value.toWellFormed();
  };
  const number = (value) => (value === undefined ? undefined : typeof value === 'number' ? value : NaN);
  const cache = {
    get: (key) => host.cacheGet(text('key', key)),
    set: (key, value, options) => {
      const kept = host.cacheSet(text('key', key), text('value', value), number(options?.ttl), number(options?.expires_at));
      return typeof kept === 'string' ? { type: 'error', code: kept } : { type: 'success', record: kept };
    },
    delete: (key) => {
      const code = host.cacheDelete(text('key', key));
      return code === undefined || code === null ? { type: 'success' } : { type: 'error', code };
    },
  };

  internals.deliver = () => {
    internals.inHandler = true;
    const event = JSON.parse(host.event());
    event.secrets = secrets();
    const api = { notification: { drop: say('drop'), retry: say('retry') }, cache };
    settle(handler(event, api));
  };

  // How many milliseconds there are to wait for; below zero, the handler is done.
  internals.progress = () => {
    if (settled !== undefined) return -1;
    const timer = internals.nextTimer();
    if (timer === undefined && internals.requestsUnderWay() === 0) {
      throw new Error("the handler's promise is never settled: nothing is left that it could wait for");
    }
    return timer ?? 60000;
  };

  internals.outcome = () => {
    internals.eachUnheard((reason) => internals.log(3, 'Unhandled rejection:', reason));
    if (settled.failed) {
      const { error } = settled;
      // Where the action has broken what shows it, it is told all the same.
      try { if (error instanceof Error) internals.log(3, error); } catch { /* it is thrown */ }
      throw error;
    }
    return outcome;
  };
})
