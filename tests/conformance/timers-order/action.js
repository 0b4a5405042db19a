exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const order = [];
  const done = new Promise((resolve) => {
    setTimeout(() => order.push('timeout 1'), 1);
    setTimeout(() => { order.push('timeout 15'); resolve(); }, 15);
    setTimeout((a, b) => order.push(`timeout 5 ${a}${b}`), 5, 'a', 'b');
    queueMicrotask(() => order.push('microtask'));
    Promise.resolve().then(() => order.push('then')).then(() => order.push('then then'));
    process.nextTick((value) => order.push(`tick ${value}`), 'v');
    order.push('now');
  });
  await done;
  console.log(order.filter((one) => !one.startsWith('tick')).join(', '), order.includes('tick v'));
  const immediate = [];
  await new Promise((resolve) => {
    setImmediate(() => { immediate.push('immediate'); resolve(); });
    Promise.resolve().then(() => immediate.push('microtask'));
    immediate.push('now');
  });
  console.log(immediate.join());
  let ticks = 0;
  await new Promise((resolve) => {
    const interval = setInterval(() => { ticks += 1; if (ticks === 3) { clearInterval(interval); resolve(); } }, 2);
  });
  const cleared = setTimeout(() => console.log('never'), 1);
  clearTimeout(cleared);
  clearTimeout(undefined);
  clearTimeout({});
  clearInterval(null);
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log(ticks, typeof cleared, typeof cleared.ref, cleared.hasRef(), typeof setTimeout(() => {}, 100000).unref());
  const began = Date.now();
  await require('timers/promises').setTimeout(10, 'value').then((value) => console.log(value));
  console.log(Date.now() - began >= 8, await require('util').promisify(setTimeout)(1, 'p'));
  try { setTimeout('code', 1); } catch (error) { console.log(error.name, error.code); }
  const same = [];
  await new Promise((resolve) => { for (let n = 0; n < 4; n += 1) setTimeout(() => { same.push(n); if (n === 3) resolve(); }, 2); });
  console.log(same.join());
  setInterval(() => {}, 1000);
};
