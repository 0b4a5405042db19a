exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const controller = new AbortController();
  const { signal } = controller;
  console.log(signal.aborted, signal.reason, signal instanceof AbortSignal, signal instanceof EventTarget);
  signal.addEventListener('abort', (happened) => console.log('heard', happened.type, happened.target === signal));
  signal.onabort = () => console.log('onabort');
  const timer = setTimeout(() => controller.abort(), 10);
  try {
    await fetch('http://provider.example:8000/hold', { signal });
  } catch (error) {
    console.log(error.name, error.message, error instanceof DOMException, error === signal.reason, error.code);
  } finally {
    clearTimeout(timer);
  }
  console.log(signal.aborted);
  try { await fetch('http://provider.example:8000/never', { signal }); } catch (error) { console.log(error.name); }
  try { await fetch('http://provider.example:8000/hold', { signal: AbortSignal.timeout(10) }); } catch (error) { console.log(error.name, error instanceof DOMException, error.code); }
  const own = new AbortController();
  setTimeout(() => own.abort(new Error('mine')), 5);
  try { await fetch('http://provider.example:8000/hold', { signal: own.signal }); } catch (error) { console.log(error.message); }
  try { AbortSignal.abort().throwIfAborted(); } catch (error) { console.log(error.name); }
  console.log(AbortSignal.abort('why').reason, (await fetch('http://provider.example:8000/after', { signal: new AbortController().signal })).status);
};
