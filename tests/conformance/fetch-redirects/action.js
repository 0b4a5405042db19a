exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const followed = await fetch('http://provider.example:8000/one', { method: 'POST', body: 'b', headers: { authorization: 'x', 'x-kept': '1' } });
  console.log(followed.status, followed.url, followed.redirected, await followed.text());
  const kept = await fetch('http://provider.example:8000/three', { method: 'POST', body: 'kept' });
  console.log(kept.url, kept.redirected);
  const away = await fetch('http://provider.example:8000/five', { headers: { Authorization: 'Basic x', 'X-Mine': '2' } });
  console.log(away.url);
  const manual = await fetch('http://provider.example:8000/seven', { redirect: 'manual' });
  console.log(manual.status, manual.headers.get('location'), manual.redirected);
  try { await fetch('http://provider.example:8000/seven', { redirect: 'error' }); } catch (error) { console.log(error.name, error.message, error.cause.message); }
  const see = await fetch('http://provider.example:8000/nine', { method: 'PUT', body: 'x' });
  console.log(see.url);
  const bare = await fetch('http://provider.example:8000/bare');
  console.log(bare.status);
};
