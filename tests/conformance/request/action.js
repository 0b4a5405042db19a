exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const request = new Request('http://provider.example:8000/a b?c=d#frag', { method: 'put', body: new URLSearchParams({ x: 'y z' }), signal: AbortSignal.timeout(5000) });
  console.log(request.method, request.url, request.headers.get('content-type'), request.signal.aborted);
  console.log(await request.clone().text(), request.bodyUsed, await request.text(), request.bodyUsed);
  const copy = new Request(new Request('http://provider.example:8000/x', { headers: { a: '1' }, method: 'DELETE' }), { headers: { b: '2' } });
  console.log(copy.method, copy.headers.get('a'), copy.headers.get('b'), copy.body);
  for (const bad of [() => new Request('nothing'), () => new Request('http://provider.example:8000/', { method: 'a b' }), () => new Request('http://provider.example:8000/', { body: 'x' }), () => new Request('http://u:p@provider.example/'), () => new Request('http://provider.example:8000/', { signal: {} })]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error.name); }
  }
  const form = new FormData();
  form.append('a', '1');
  form.append('a', '2');
  form.set('b', 'x');
  console.log([...form].length, form.get('a'), form.getAll('a'), form.has('c'), form.get('c'));
  const posted = new Request('http://provider.example:8000/', { method: 'POST', body: form });
  const text = await posted.text();
  console.log(/^multipart\/form-data; boundary=/.test(posted.headers.get('content-type')), text.split('\r\n').filter((line) => !line.startsWith('--')).join('|'));
};
