exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const log = [];
  const say = (text) => () => { log.push(text); };
  await Promise.all([
    (async () => { log.push('a1'); await null; log.push('a2'); await null; log.push('a3'); })(),
    (async () => { log.push('b1'); await undefined; log.push('b2'); })(),
    Promise.resolve().then(say('c1')).then(say('c2')),
  ]);
  console.log(log.join());
  const thenable = { then(resolve) { resolve('thenable'); } };
  console.log(await thenable, await Promise.resolve(thenable), await (async () => thenable)(), await 5);
  console.log(await Promise.all([1, Promise.resolve(2), thenable]), await Promise.race([new Promise(() => {}), 'first']), await Promise.allSettled([Promise.reject(new Error('x'))]).then(([one]) => one.reason.message));
  try { await Promise.any([Promise.reject(new Error('one')), Promise.reject(new Error('two'))]); } catch (error) { console.log(error.name, error.message, error.errors.map((one) => one.message)); }
  const finished = [];
  await Promise.reject(new Error('caught')).catch((error) => finished.push(error.message)).finally(() => finished.push('finally'));
  console.log(finished.join(), await Promise.resolve('kept').finally(() => 'ignored'));
  const order = [];
  const nested = async (depth) => { if (depth > 0) await nested(depth - 1); order.push(depth); };
  await nested(3);
  console.log(order.join());
  const attempts = [];
  const retrying = async (times) => {
    for (let attempt = 1; attempt <= times; attempt += 1) {
      try { attempts.push(attempt); if (attempt < 3) throw new Error('not yet'); return 'done'; } catch (error) { await new Promise((resolve) => setTimeout(resolve, 1)); }
    }
    return 'gave up';
  };
  console.log(await retrying(5), attempts.join());
  const pool = async (limit, items, work) => {
    const results = [];
    const iterator = items.entries();
    await Promise.all(Array.from({ length: limit }, async () => { for (const [at, item] of iterator) results[at] = await work(item); }));
    return results;
  };
  console.log(await pool(2, [3, 1, 2], async (n) => { await new Promise((resolve) => setTimeout(resolve, n)); return n * 2; }));
  const late = Promise.reject(new Error('handled later'));
  await null;
  console.log(await late.catch((error) => error.message));
};
