exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const tell = async (what, made) => {
    try {
      await made();
      console.log(what, 'went through');
    } catch (error) {
      console.log(what, error.name, error instanceof TypeError, error.message, error.cause?.code);
    }
  };
  await tell('refused', () => fetch('http://closed.example:8001/x'));
  await tell('no url', () => fetch('not a url'));
  await tell('relative', () => fetch('/path'));
  await tell('scheme', async () => { try { await fetch('ftp://provider.example/x'); } catch (error) { throw new error.constructor(error.message); } });
  await tell('body of get', async () => { try { await fetch('http://provider.example:8000/x', { body: 'x' }); } catch (error) { throw new TypeError('refused'); } });
  await tell('header', async () => { try { await fetch('http://provider.example:8000/x', { headers: { 'bad header': 'x' } }); } catch (error) { throw new TypeError('refused'); } });
  await tell('value', async () => { try { await fetch('http://provider.example:8000/x', { headers: { 'x-a': 'a\nb' } }); } catch (error) { throw new TypeError('refused'); } });
  const response = await fetch('http://provider.example:8000/x');
  await tell('json', () => response.json().catch((error) => { throw new TypeError(error.name); }));
  await tell('twice', () => response.text().catch((error) => { throw new TypeError(String(/Body/.test(error.message))); }));
  const failed = await fetch('http://provider.example:8000/y');
  console.log(failed.ok, failed.status, failed.statusText, await failed.json());
  if (!failed.ok) throw new Error(`HTTP ${failed.status}`);
};
