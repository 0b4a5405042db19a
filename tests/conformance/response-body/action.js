exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const bytes = await (await fetch('http://provider.example:8000/bytes')).arrayBuffer();
  console.log(bytes instanceof ArrayBuffer, bytes.byteLength, Buffer.from(bytes).toString('hex'));
  const response = await fetch('http://provider.example:8000/text');
  const copy = response.clone();
  console.log(await response.text() === await copy.text(), response.bodyUsed, copy.bodyUsed, copy.headers.get('x-a'));
  try { response.clone(); } catch (error) { console.log(error.name); }
  const blob = await (await fetch('http://provider.example:8000/blob')).blob();
  console.log(blob.size, blob.type, await blob.text());
  const read = await fetch('http://provider.example:8000/read');
  const reader = read.body.getReader();
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
  }
  console.log(size, read.bodyUsed);
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of (await fetch('http://provider.example:8000/iterate')).body) text += decoder.decode(chunk, { stream: true });
  console.log(text);
  const made = new Response('made', { status: 201, statusText: 'Made', headers: { 'x-m': '1' } });
  console.log(made.status, made.ok, made.statusText, made.headers.get('content-type'), await made.text());
  console.log(Response.json({ a: 1 }).headers.get('content-type'), await Response.json([1]).json(), new Response().body, new Response(null, { status: 204 }).status);
  console.log(await new Response(new URLSearchParams('a=1')).text(), (await new Response('{"x":1}').json()).x, Response.error().type);
  try { await new Response('').json(); } catch (error) { console.log(error.name); }
  const empty = await fetch('http://provider.example:8000/empty');
  console.log(empty.status, JSON.stringify(await empty.text()), await (await fetch('http://provider.example:8000/bom')).json());
};
