exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const order = [];
  const get = async (path) => {
    order.push(`begin ${path}`);
    const response = await fetch(`http://provider.example:8000${path}`);
    return response.text();
  };
  const all = Promise.all([get('/a'), get('/b'), get('/c')]);
  order.push('all begun');
  console.log(order.join(), (await all).join());
  const settled = await Promise.allSettled([get('/d'), Promise.reject(new Error('no')), fetch('http://closed.example:8001/')]);
  console.log(settled.map(({ status, reason }) => `${status} ${reason?.message}`));
  const held = fetch('http://provider.example:8000/hold').catch(() => 'lost');
  console.log(await Promise.race([held, new Promise((resolve) => setTimeout(resolve, 10, 'timed out'))]));
  console.log(await Promise.any([Promise.reject(1), get('/e')]));
};
