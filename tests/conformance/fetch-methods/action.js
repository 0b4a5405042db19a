exports.onExecuteCustomPhoneProvider = async (event, api) => {
  for (const method of ['GET', 'get', 'DELETE', 'PUT', 'PATCH', 'HEAD']) {
    const body = ['PUT', 'PATCH'].includes(method) ? `of ${method}` : undefined;
    const response = await fetch(`http://provider.example:8000/${method}`, { method, body });
    console.log(method, response.status, await response.text());
  }
  const request = new Request('http://provider.example:8000/request', { method: 'POST', headers: [['x-a', '1'], ['X-A', '2']], body: 'text' });
  console.log(request.method, request.url, request.headers.get('x-a'), request.headers.get('content-type'), request.bodyUsed, request.redirect);
  await fetch(request.clone(), { headers: { 'x-b': '3' } });
  console.log((await fetch(request)).status, request.bodyUsed);
  const posted = await fetch(new URL('/url', 'http://provider.example:8000'), { method: 'POST', body: new Uint8Array([104, 105]) });
  console.log(await posted.text());
  await fetch('http://provider.example:8000/empty', { method: 'POST' });
};
