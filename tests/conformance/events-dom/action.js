exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const target = new EventTarget();
  const seen = [];
  const listener = (happened) => seen.push(happened.type);
  target.addEventListener('a', listener);
  target.addEventListener('a', listener);
  target.addEventListener('a', { handleEvent(happened) { seen.push(`object ${happened.type}`); } }, { once: true });
  console.log(target.dispatchEvent(new Event('a')), target.dispatchEvent(new Event('a')), seen.join());
  target.removeEventListener('a', listener);
  target.addEventListener('a', (happened) => { happened.preventDefault(); happened.stopImmediatePropagation(); });
  target.addEventListener('a', () => seen.push('not reached'));
  console.log(target.dispatchEvent(new Event('a', { cancelable: true })), seen.length, new Event('x').cancelable, new Event('x').defaultPrevented);
  const controller = new AbortController();
  target.addEventListener('b', () => seen.push('b'), { signal: controller.signal });
  target.dispatchEvent(new Event('b'));
  controller.abort('done');
  target.dispatchEvent(new Event('b'));
  console.log(seen.slice(-1).join(), seen.filter((one) => one === 'b').length, controller.signal.reason);
  const any = typeof AbortSignal.any === 'function' ? AbortSignal.any([controller.signal]).aborted : true;
  console.log(any, new DOMException('m', 'TimeoutError').code, DOMException.ABORT_ERR);
  try { new AbortSignal(); } catch (error) { console.log(error.name); }
  try { new Event(); } catch (error) { console.log(error.name); }
};
